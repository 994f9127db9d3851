import { z } from 'zod';
import { expectedInWords } from './expected.js';
import { keepSecret } from './secrets.js';
import { variableFacts, variables } from './variables.js';

/** Names and values as the operating system gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with the environment: every variable, its value and what was expected. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(readonly problems: readonly string[]) {
    super(`The environment can't be used:\n  ${problems.join('\n  ')}`);
  }
}

/**
 * Reads typed settings from the environment; the only place that touches `process.env`. The values of secret variables are left out of the
 * log from then on.
 * @throws ConfigurationError that names every wrong variable, the value found (unless it is secret) and what was expected.
 */
export function readConfig<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: Environment = process.env,
): z.output<z.ZodObject<Shape>> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(shape)) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    given[name] = value;
    if (isSecret(name, shape)) keepSecret(value);
  }
  const parsed = z.object(shape).safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigurationError(
    parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const value =
        given[name] === undefined ? '(not set)' : isSecret(name, shape) ? '(hidden)' : wrongPart(given[name], issue);
      return `${name}=${value}: ${expectedInWords(issue, shape[name]!) ?? issue.message}`;
    }),
  );
}

/** Runs all readers and throws one error with the problems of all of them. */
export function readAllOrThrow<Read>(readers: readonly (() => Read)[]): readonly Read[] {
  const problems = new Set<string>();
  const results: Read[] = [];
  for (const read of readers) {
    try {
      results.push(read());
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      for (const problem of error.problems) problems.add(problem);
    }
  }
  if (problems.size > 0) throw new ConfigurationError([...problems]);
  return results;
}

/** The environment of a child process: the present one with `settings` on top. */
export function childEnvironment(settings: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...process.env, ...settings };
}

/** What is wrong: of a list only that entry. */
function wrongPart(value: string, { path }: z.core.$ZodIssue): string {
  const [, index] = path;
  return typeof index === 'number' ? (variables.list.parse(value)[index] ?? value) : value;
}

function isSecret(name: string, shape: z.ZodRawShape): boolean {
  const schema = shape[name];
  return schema !== undefined && variableFacts(name, schema).secret === true;
}
