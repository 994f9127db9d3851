import { messageAt, unstorableIn } from '#libs/contracts';
import type { z } from 'zod';
import { ProblemException } from './problem.js';
import { YamlText } from './request-body.js';

/** Where an input stands in a request, and the status of a wrong one: an address is malformed, a body is understood but wrong. */
const STATUS = { query: 400, body: 422 } as const;

/**
 * A checked value.
 * @throws ProblemException (400 for a query, 422 for a body) that names every wrong field and what was expected, or text that no log
 *   could keep (NUL, half of a surrogate pair); 415 for YAML, which has doors of its own.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: keyof typeof STATUS,
): z.output<Schema> {
  if (input instanceof YamlText) {
    const detail = 'content-type: YAML is taken for experiment files only; expected application/json';
    throw new ProblemException({ title: 'The body has a media type that is not understood here', status: 415, detail });
  }
  const unstorable = unstorableIn(input);
  if (unstorable) {
    const { path, message } = unstorable;
    const problems = [{ path: path.join('.'), message }];
    throw new ProblemException({
      title: `The ${what} can't be used`,
      status: STATUS[what],
      detail: messageAt(path, message),
      problems,
    });
  }
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    path: issue.path.join('.'),
    message: inWords(issue, schema, what),
  }));
  throw new ProblemException({
    title: `The ${what} can't be used`,
    status: STATUS[what],
    detail: problems.map((problem) => problemInWords(problem, what)).join('; '),
    problems,
  });
}

/** A field or parameter that nobody knows is told with those that there are. */
function inWords(issue: z.core.$ZodIssue, schema: z.ZodType, what: keyof typeof STATUS): string {
  if (issue.code !== 'unrecognized_keys' || issue.path.length > 0 || !('shape' in schema)) return issue.message;
  const unknown = issue.keys.map((key) => (what === 'query' ? key : `"${key}"`)).join(', ');
  const none = what === 'query' ? `there is no parameter ${unknown}` : `there is no field ${unknown} here`;
  return `${none}; expected ${Object.keys(schema.shape as object).join(', ')}`;
}

/** "limit: expected …", or "actor is missing: …" where the message goes on about the field. */
function problemInWords({ path, message }: { readonly path: string; readonly message: string }, what: string): string {
  if (path === '') return `the ${what}: ${message}`;
  return message.startsWith('is ') ? `${path} ${message}` : `${path}: ${message}`;
}
