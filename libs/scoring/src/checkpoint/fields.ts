import type { z } from 'zod';
import { messageAt } from '#libs/contracts';
import { ModelDirectoryError } from './errors.js';

/** @throws ModelDirectoryError that names the file and every field that is not as the schema wants it */
export function parseFields<Schema extends z.ZodType>(file: string, content: unknown, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => messageAt(issue.path, issue.message));
  throw new ModelDirectoryError(`${file}: ${lines.join('; ')}`);
}

/** The error of a field whose value is well-formed and can't be honoured. */
export function notHonoured(file: string, field: string, value: unknown, expected: string): ModelDirectoryError {
  return new ModelDirectoryError(`${file}: ${field} is ${JSON.stringify(value)}, expected ${expected}`);
}
