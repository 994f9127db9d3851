import { readYaml } from '#libs/contracts';
import { z } from 'zod';
import { NOTICE_KINDS, type NoticeKind } from './notice.js';

/** What a template may name, each as people read it; what does not apply is empty. */
export const NOTICE_FIELDS = [
  'decision',
  'experiment',
  'service',
  'kind',
  'revision',
  'message',
  'numbers',
  'causes',
  'shares',
  'actor',
  'decidedAt',
  'link',
] as const;
export type NoticeFields = Readonly<Record<(typeof NOTICE_FIELDS)[number], string>>;

/** What a notification says in a line, and in full. */
export interface Wording {
  readonly subject: string;
  readonly text: string;
}

/** Wordings for all decisions, and for some of them. */
export interface Templates extends Partial<Wording> {
  readonly on?: Partial<Readonly<Record<NoticeKind, Partial<Wording>>>> | undefined;
}

/** What is said where nobody has said otherwise. */
const USUAL: Wording = {
  subject: '{{experiment}} ({{service}}): {{decision}}',
  text: '{{message}}\n\n{{numbers}}\n{{shares}}\n{{actor}} · {{decidedAt}}\n{{link}}\n',
};

const PLACE = /\{\{([^{}]*)\}\}/g;

const wording = z.string().superRefine((text, context) => {
  for (const [, written = ''] of text.matchAll(PLACE)) {
    const name = written.trim();
    if ((NOTICE_FIELDS as readonly string[]).includes(name)) continue;
    context.addIssue({
      code: 'custom',
      message: `{{${name}}} is no field of a notification; expected one of: ${NOTICE_FIELDS.join(', ')}`,
    });
  }
});
const wordings = { subject: wording.optional(), text: wording.optional() };
const templatesFile = z.strictObject({
  ...wordings,
  on: z.partialRecord(z.enum(NOTICE_KINDS), z.strictObject(wordings)).optional(),
});

/** @returns the templates of a YAML or JSON text, or what is wrong with it, each with its line */
export function readTemplates(text: string): Templates | readonly string[] {
  const document = readYaml(text);
  if ('faults' in document) return document.faults.map(({ line, message }) => `line ${line}: ${message}`);
  const read = templatesFile.safeParse(document.value);
  if (read.success) return read.data;
  const at = (path: readonly PropertyKey[], message: string): string =>
    `line ${document.placeOf(path).line}: ${path.length === 0 ? '' : `${path.join('.')}: `}${message}`;
  return read.error.issues.flatMap((issue) => {
    const { path, message } = issue;
    if (issue.code !== 'unrecognized_keys') return at(path, message);
    const known = path.length === 1 ? NOTICE_KINDS : ['subject', 'text', ...(path.length === 0 ? ['on'] : [])];
    return issue.keys.map((key) => at([...path, key], `unknown key; expected one of: ${known.join(', ')}`));
  });
}

/** Whether somebody has said how a decision is worded. */
export function isWorded({ subject, text, on }: Templates, decision: NoticeKind): boolean {
  const own = on?.[decision];
  return [subject, text, own?.subject, own?.text].some((given) => given !== undefined);
}

/** How words are written where they are shown. */
export interface Manner {
  /** Takes from a field what would mean something there; the template's own text may mean it. */
  readonly plain: (value: string) => string;
  /** Marks in a template, before it is filled, what is to mean something there; absent: it is as it stands. */
  readonly marked?: (template: string) => string;
}

/** A notification in words. A line in which nothing but empty fields stands is left out. */
export function worded(
  { subject, text, on }: Templates,
  decision: NoticeKind,
  fields: NoticeFields,
  { plain, marked = (template) => template }: Manner,
): Wording {
  const own = on?.[decision];
  const say = (template: string): string => filled(marked(template), fields, plain);
  return {
    subject: say(own?.subject ?? subject ?? USUAL.subject).replaceAll(/\s+/g, ' '),
    text: say(own?.text ?? text ?? USUAL.text),
  };
}

function filled(template: string, fields: NoticeFields, plain: (value: string) => string): string {
  return template
    .split('\n')
    .flatMap((line) => {
      const said = line.replaceAll(PLACE, (_place, name: string) => plain(fields[name.trim() as keyof NoticeFields]));
      return said.trim() === '' && line.trim() !== '' ? [] : [said];
    })
    .join('\n');
}
