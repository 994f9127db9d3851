import type { z } from 'zod';
import { ProblemException } from '#libs/platform';

/** A checked value. @throws ProblemException 400 naming every field that is wrong and what was expected. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: 'body' | 'query',
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new ProblemException({
    title: `The ${what} can't be used`,
    status: 400,
    detail: problems.map(({ path, message }) => `${path || '(root)'}: ${message}`).join('; '),
    problems,
  });
}
