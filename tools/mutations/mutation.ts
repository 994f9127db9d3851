/** One rule broken on purpose, and the specs of which one has to fail then. */
export interface Mutation {
  /** What would be wrong. */
  readonly breaks: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly from: string;
  readonly to: string;
  readonly specs: readonly string[];
}

/** The source with the rule broken; undefined where the text is gone, or stands there more than once. */
export function mutated(source: string, { from, to }: Pick<Mutation, 'from' | 'to'>): string | undefined {
  const at = source.indexOf(from);
  if (at === -1 || source.includes(from, at + 1)) return undefined;
  return `${source.slice(0, at)}${to}${source.slice(at + from.length)}`;
}

interface BrokenNow {
  mutation: Mutation | null;
  /** The module was asked for since: a spec that never loads it proves nothing. */
  isLoaded: boolean;
}

/** The rule that is broken at present, in this process: whoever runs the specs says it to the plugin that breaks it, which is loaded apart. */
export function brokenNow(): BrokenNow {
  const known = globalThis as { teststripBrokenNow?: BrokenNow };
  return (known.teststripBrokenNow ??= { mutation: null, isLoaded: false });
}
