import type { TeststripEvent } from '#libs/contracts';

/** Ends an element, an attribute and a script, and runs something wherever it is taken for markup. */
export const MARKUP = '</script><img src=x onerror="window.ran=1">"><svg onload="window.ran=1">';

/** Members whose texts users, models, services, operators or whoever writes on the bus choose. */
const SAID: ReadonlySet<string> = new Set(
  'experiment key service prompt message reason metric unit router missing field instance checkpoint sampler'.split(
    ' ',
  ),
);
/** Members with a member for each variant, or for each value of a model's. */
const BY_NAME: ReadonlySet<string> = new Set(['weightsPpm', 'variants', 'fingerprints', 'quality']);
/** Those of the stories, but for control: it is a word of the contracts too. */
const CANDIDATES: ReadonlySet<string> = new Set(['candidate', 'even', 'young']);

/** The same event from somebody who writes markup into whatever is theirs to say. */
export function withMarkup<E extends TeststripEvent>(event: E): E {
  return { ...event, data: marked(event.data, '') };
}

function marked(value: unknown, of: string): unknown {
  if (typeof value === 'string') return SAID.has(of) || CANDIDATES.has(value) ? value + MARKUP : value;
  if (Array.isArray(value)) return value.map((each: unknown) => marked(each, of));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const isMarked = BY_NAME.has(of) && name !== 'control';
      return [isMarked ? name + MARKUP : name, marked(member, name)];
    }),
  );
}
