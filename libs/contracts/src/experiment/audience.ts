import { z } from 'zod';
import type { Complain } from './file-problems.js';
import type { AudienceCondition, AudienceRule } from './spec.js';
import { parseVersionRange } from './version-range.js';

const words = z.array(z.string('expected text; a number is written in quotes').min(1, 'expected text, not ""')).min(1);

/** Each is looked for in every request. */
const MOST_PARTS = 100;

const conditionFile = z.strictObject({
  attribute: z.string().min(1).optional().describe('Of who asks, as the header names it.'),
  in: words.optional().describe('The value is one of these.'),
  notIn: words.optional().describe('There is a value, and it is none of these.'),
  contains: words.max(MOST_PARTS).optional().describe('The value contains one of these.'),
  semver: z
    .string('expected a range of versions in quotes, such as ">=2.1 <3"')
    .refine((text) => parseVersionRange(text) !== null, {
      error: ({ input }) => `"${String(input)}": expected a range of versions such as ">=2.1.0 <3", "^2.1" or "~2.1.3"`,
    })
    .optional()
    .describe('The value is a version in this range: comparisons separated by blanks, all of which have to hold.'),
});

/** A rule of the audience as people write it. */
export const audienceRuleFile = z.strictObject({
  ...conditionFile.shape,
  any: z
    .array(conditionFile)
    .min(2, 'expected at least two rules')
    .max(MOST_PARTS)
    .optional()
    .describe('One of these rules has to match.'),
});

type WrittenCondition = z.output<typeof conditionFile>;

const OPERATORS = ['in', 'notIn', 'contains', 'semver'] as const;

/** Checks the rules of an audience, and turns them into what the revision keeps. */
export function readAudience(
  written: readonly z.output<typeof audienceRuleFile>[],
  complain: Complain,
): readonly AudienceRule[] {
  const listed = new Set<string>();
  return written.flatMap(({ any, ...condition }, index): AudienceRule[] => {
    const path = ['audience', index];
    if (any === undefined) {
      if (condition.in !== undefined && condition.attribute !== undefined) {
        if (listed.has(condition.attribute)) {
          complain(
            [...path, 'attribute'],
            `there is a rule for "${condition.attribute}" already, and a unit has to match every rule; list all values in one`,
          );
        }
        listed.add(condition.attribute);
      }
      return readCondition(condition, path, complain);
    }
    const beside = Object.keys(condition).find((key) => condition[key as keyof WrittenCondition] !== undefined);
    if (beside !== undefined) complain([...path, beside], `"any" stands alone: write "${beside}" as a rule of its own`);
    const conditions = any.flatMap((one, place) => readCondition(one, [...path, 'any', place], complain));
    return [{ any: conditions }];
  });
}

function readCondition(
  condition: WrittenCondition,
  path: readonly PropertyKey[],
  complain: Complain,
): AudienceCondition[] {
  const { attribute } = condition;
  if (attribute === undefined) complain([...path, 'attribute'], 'missing: expected text');
  const operators = OPERATORS.filter((operator) => condition[operator] !== undefined);
  if (operators.length !== 1) {
    const found = operators.length === 0 ? '' : `; found ${operators.join(' and ')}: write a rule for each`;
    complain(path, `expected one of: ${OPERATORS.join(', ')}${found}`);
  }
  if (attribute === undefined || operators.length !== 1) return [];
  const { in: listed, notIn, contains, semver } = condition;
  if (listed !== undefined) return [{ attribute, in: listed }];
  if (notIn !== undefined) return [{ attribute, notIn }];
  return contains !== undefined ? [{ attribute, contains }] : [{ attribute, semver: semver as string }];
}
