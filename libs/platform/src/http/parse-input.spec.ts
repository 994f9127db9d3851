import { expect, it } from 'vitest';
import { z } from 'zod';
import { parseInput } from './parse-input.js';
import { ProblemException, type Problem } from './problem.js';

const schema = z.strictObject({ dryRun: z.string().optional(), limit: z.string().optional() });

it.each([
  ['query', 'the query: there is no parameter dryrun; expected dryRun, limit'],
  ['body', 'the body: there is no field "dryrun" here; expected dryRun, limit'],
] as const)('a %s with something that nobody knows is refused with what there is', (what, detail) => {
  try {
    expect.unreachable(String(parseInput(schema, { dryrun: 'true' }, what)));
  } catch (error) {
    if (!(error instanceof ProblemException)) throw error;
    expect((error.getResponse() as Problem).detail).toBe(detail);
  }
});
