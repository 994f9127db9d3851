import { slug, timestamp } from '#libs/contracts';
import { parseOrder, type Identity } from '#libs/platform';
import { z } from 'zod';

/** Letters of who orders something. */
export const LONGEST_ACTOR = 200;

const actor = z
  .string('expected a name')
  .min(1, 'is missing: who orders this?')
  .max(LONGEST_ACTOR, `expected at most ${LONGEST_ACTOR} characters`)
  .optional()
  .describe('Who orders it; with `AUTH=off` only, and needed then. Otherwise it is whoever has the token.');

const LONGEST_REASON = 'expected at most 2000 characters';

const flag = z
  .enum(['true', 'false'], 'expected true or false')
  .default('false')
  .transform((text) => text === 'true');

/** Of applying a file. A misspelt `dryRun` is refused: whoever writes it wants nothing to happen. */
export const applyQuery = z.strictObject({ dryRun: flag });

/** Of the list of experiments. */
export const listQuery = z.object({ archived: flag });

/**
 * The body of an order as the decision core takes it.
 * @throws ProblemException 422 that says what to send
 */
export function readOrder<Schema extends z.ZodType<{ readonly actor?: string | undefined; readonly reason: string }>>(
  schema: Schema,
  body: unknown,
  caller: Identity,
): Omit<z.output<Schema> & { readonly actor: string }, 'reason'> & { readonly note: string } {
  const { reason, ...order } = parseOrder(schema, body, caller);
  return { ...order, note: reason };
}

/** Of the audit log. */
export const decisionsQuery = z.object({ analyses: flag });

/** What every order of an operator says. */
export const orderBody = z
  .strictObject({
    actor,
    reason: z
      .string('is missing: why is it ordered?')
      .min(1, 'is missing: why is it ordered?')
      .max(2_000, LONGEST_REASON)
      .meta({ description: 'Why, for people.', examples: ['the pictures look right'] }),
  })
  .meta({ id: 'Order' });

/** A rollback must not wait for words. */
export const rollbackBody = z
  .strictObject({
    actor,
    reason: z.string().max(2_000, LONGEST_REASON).default('').describe('Why, for people; may be left out.'),
  })
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

export const promotionBody = orderBody
  .extend({
    variant: slug.optional().describe('Who gets all traffic; may be left out where there is one candidate.'),
  })
  .meta({ id: 'Promotion' });

export const dropArmBody = orderBody
  .extend({
    variant: slug.meta({ description: 'The candidate that loses its share to control.', examples: ['candidate'] }),
  })
  .meta({ id: 'ArmDrop' });

/** One entry of the audit log. */
export const decisionView = z
  .object({
    sequence: z.int().min(1),
    revision: z.int().min(1),
    kind: z.string(),
    actor: z.string(),
    at: timestamp,
    event: z.unknown().describe('The whole decision event: command, evidence and message where it has them.'),
    analysis: z
      .unknown()
      .optional()
      .describe(
        'With `analyses=true`: what was decided upon; with the first event of a decision that an analysis led to.',
      ),
  })
  .meta({ id: 'Decision' });
export type DecisionView = z.infer<typeof decisionView>;
