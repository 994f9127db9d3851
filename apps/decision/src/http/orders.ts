import { timestamp } from '#libs/contracts';
import { ProblemException } from '#libs/platform';
import { z } from 'zod';

const actor = z.string().min(1).max(200).describe('Who orders it; written into the audit log.');

/** What every order of an operator says. */
export const orderBody = z
  .object({ actor, reason: z.string().min(1).max(2_000).describe('Why, for people.') })
  .meta({ id: 'Order' });

/** A rollback must not wait for words. */
export const rollbackBody = z
  .object({ actor, reason: z.string().max(2_000).default('') })
  .meta({ id: 'RollbackOrder' });

export const approvalBody = orderBody
  .extend({
    stage: z
      .int()
      .min(0)
      .optional()
      .describe('Index of the ramp stage; without it the next one that needs an approval.'),
  })
  .meta({ id: 'Approval' });

/** One entry of the audit log. */
export const decisionView = z
  .object({
    sequence: z.int().min(1),
    revision: z.int().min(1),
    kind: z.string(),
    actor: z.string(),
    at: timestamp,
    event: z.unknown().describe('The whole decision event: command, evidence and message where it has them.'),
  })
  .meta({ id: 'Decision' });
export type DecisionView = z.infer<typeof decisionView>;

/** @throws ProblemException 422 that names every field that is wrong and what was expected. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new ProblemException({
    title: 'The order is incomplete',
    status: 422,
    detail: problems.map(({ path, message }) => `${path || '(body)'}: ${message}`).join('; '),
    problems,
  });
}
