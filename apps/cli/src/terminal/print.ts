import { Option } from 'commander';
import { stringify } from 'yaml';
import { safeLine, safeLines } from '#libs/platform';

/** How a command answers. */
export type OutputForm = 'table' | 'json' | 'yaml';

export function outputOption(forms = 'table for people, json or yaml as the server answers'): Option {
  return new Option('-o, --output <form>', forms)
    .choices(['table', 'json', 'yaml'] satisfies OutputForm[])
    .default('table');
}

/** Prints lines for people; no control character of whoever wrote them gets through. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${safeLine(line)}\n`).join(''));
}

/** Tells people something beside the answer, so that a pipe gets the answer alone. */
export function tell(text: string): void {
  process.stderr.write(`${safeLines(text)}\n`);
}

/** What people are told on the way to an answer: beside it where a program reads that. */
export function printOnTheWay(form: OutputForm, lines: readonly string[]): void {
  if (form === 'table') return printLines(lines);
  tell(lines.join('\n'));
}

/** Prints one of several answers that follow each other: a line of JSON, or a document of YAML. */
export function printOneOfMany(form: OutputForm, answer: unknown, inLines: () => readonly string[]): void {
  if (form === 'json') return printLines([JSON.stringify(answer)]);
  if (form === 'yaml') process.stdout.write('---\n');
  printAnswer(form, answer, inLines);
}

/** Prints an answer: in lines for people, or whole for programs. */
export function printAnswer(form: OutputForm, answer: unknown, inLines: () => readonly string[]): void {
  if (form === 'table') return printLines(inLines());
  process.stdout.write(form === 'json' ? jsonText(answer) : yamlText(answer));
}

function jsonText(answer: unknown): string {
  return `${safeLines(JSON.stringify(answer, null, 2))}\n`;
}

/** Only double-quoted text of YAML can say a control character by its number. */
function yamlText(answer: unknown): string {
  const plain = stringify(answer, { lineWidth: 0 });
  if (plain === safeLines(plain)) return plain;
  return safeLines(
    stringify(answer, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' }),
  );
}
