import { z } from 'zod';

/** What a variable was expected to be, in words: "expected a whole number from 1 to 512"; undefined where the issue says it itself. */
export function expectedInWords(issue: z.core.$ZodIssue, schema: z.core.$ZodType): string | undefined {
  if (issue.code === 'custom') return undefined;
  if (issue.code === 'invalid_value') return `expected ${oneOf(issue.values.map(String))}`;
  if (issue.code === 'invalid_format' && issue.format === 'url') return 'expected a URL, such as http://127.0.0.1:8000';
  const inner = within(schema);
  return inner instanceof z.ZodNumber ? `expected ${numberInWords(inner)}` : undefined;
}

function numberInWords(schema: z.ZodNumber): string {
  const kind = schema.isInt ? 'a whole number' : 'a number';
  const least = bound(schema.minValue);
  const most = bound(schema.maxValue);
  if (least !== undefined && most !== undefined) return `${kind} from ${least} to ${most}`;
  if (least !== undefined) return `${kind} of at least ${least}`;
  return most === undefined ? kind : `${kind} of at most ${most}`;
}

/** Whole numbers are bounded by what a number can hold: no bound that anybody has set. */
function bound(value: number | null): number | undefined {
  return value === null || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value;
}

function oneOf(values: readonly string[]): string {
  return values.length < 2 ? values.join() : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

/** The schema without its default. */
function within(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? within(schema.unwrap()) : schema;
}
