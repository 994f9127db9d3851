import { z } from 'zod';
import { MILLION } from '../names.js';
import type { Complain } from './file-problems.js';
import { isEmptyTogether, type NumberRange } from './number-range.js';
import { percentText, percentToPpm } from './ramp.js';
import type { AudienceCondition, AudienceRule } from './spec.js';
import { parseVersionRange } from './version-range.js';

const words = z.array(z.string('expected text; a number is written in quotes').min(1, 'expected text, not ""')).min(1);
const end = z.number('expected a number such as 18');

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
  atLeast: end.optional().describe('The value is a number that is not smaller; beside atMost or below, or alone.'),
  above: end.optional().describe('The value is a larger number.'),
  atMost: end.optional().describe('The value is a number that is not larger; beside atLeast or above, or alone.'),
  below: end.optional().describe('The value is a smaller number.'),
  percent: percentText
    .optional()
    .describe('Only so many of the units that match, or of all where nothing else is said. A larger share keeps them.'),
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

type WrittenRule = z.output<typeof audienceRuleFile>;
type WrittenCondition = z.output<typeof conditionFile>;
type Path = readonly PropertyKey[];
/** What `any` may list: a condition, or a share of those who match it. */
type Alternative = Extract<AudienceRule, { any: unknown }>['any'][number];

const LISTS = ['in', 'notIn', 'contains', 'semver'] as const;
const ENDS = ['atLeast', 'above', 'atMost', 'below'] as const;
const OPERATORS = [...LISTS, ...ENDS];

/** Checks the rules of an audience, and turns them into what the revision keeps. */
export function readAudience(written: readonly WrittenRule[], complain: Complain): readonly AudienceRule[] {
  written.forEach((rule, index) => checkBesideOthers(rule, written.slice(0, index), complainAt(index, complain)));
  return written.flatMap((rule, index): AudienceRule[] => readRule(rule, ['audience', index], complain));
}

function complainAt(index: number, complain: Complain): Complain {
  return (path, message) => complain(['audience', index, ...path], message);
}

/** Whether a rule can hold together with those before it. */
function checkBesideOthers(rule: WrittenRule, before: readonly WrittenRule[], complain: Complain): void {
  const { attribute, percent } = rule;
  if (percent !== undefined && before.some((other) => other.percent !== undefined)) {
    complain(['percent'], 'there is a share already, and both draw the same units: the smaller one alone would count');
  }
  if (attribute === undefined) return;
  const same = before.filter((other) => other.attribute === attribute);
  if (rule.in !== undefined && same.some((other) => other.in !== undefined)) {
    complain(
      ['attribute'],
      `there is a rule for "${attribute}" already, and a unit has to match every rule; list all values in one`,
    );
  }
  const isContradiction = hasEnd(rule) && !isEmptyTogether([rule]) && isEmptyTogether([...same, rule]);
  if (isContradiction) complain([], `no number "${attribute}" matches this rule and those before it`);
}

function readRule({ any, ...condition }: WrittenRule, path: Path, complain: Complain): AudienceRule[] {
  if (any === undefined) return readAlternative(condition, path, complain);
  const { percent, ...rest } = condition;
  const beside = Object.keys(rest).find((key) => rest[key as keyof typeof rest] !== undefined);
  if (beside !== undefined) complain([...path, beside], `"any" stands alone: write "${beside}" as a rule of its own`);
  const one = { any: any.flatMap((each, place) => readAlternative(each, [...path, 'any', place], complain)) };
  return percent === undefined ? [one] : [{ percentPpm: readPercent(percent, path, complain), of: one }];
}

/** A condition, a share of it, or a share of all. */
function readAlternative({ percent, ...condition }: WrittenCondition, path: Path, complain: Complain): Alternative[] {
  if (percent === undefined) return readCondition(condition, path, complain);
  const percentPpm = readPercent(percent, path, complain);
  if (Object.values(condition).every((value) => value === undefined)) return [{ percentPpm }];
  return readCondition(condition, path, complain).map((of) => ({ percentPpm, of }));
}

function readPercent(text: string, path: Path, complain: Complain): number {
  const ppm = percentToPpm(text);
  if (ppm < 1 || ppm > MILLION) complain([...path, 'percent'], 'expected at least 0.0001% and at most 100%');
  return ppm;
}

function readCondition(
  condition: Omit<WrittenCondition, 'percent'>,
  path: Path,
  complain: Complain,
): AudienceCondition[] {
  const { attribute } = condition;
  if (attribute === undefined) complain([...path, 'attribute'], 'missing: expected text');
  const ends = ENDS.filter((name) => condition[name] !== undefined);
  // Two ends are one range.
  const found = [...LISTS.filter((name) => condition[name] !== undefined), ...ends.slice(0, 1)];
  if (found.length !== 1) {
    const told = found.length === 0 ? '' : `; found ${found.join(' and ')}: write a rule for each`;
    complain(path, `expected one of: ${OPERATORS.join(', ')}${told}`);
  }
  if (attribute === undefined || found.length !== 1) return [];
  const { in: listed, notIn, contains, semver, atLeast, above, atMost, below } = condition;
  if (listed !== undefined) return [{ attribute, in: listed }];
  if (notIn !== undefined) return [{ attribute, notIn }];
  if (contains !== undefined) return [{ attribute, contains }];
  if (semver !== undefined) return [{ attribute, semver }];
  checkEnds(condition, path, complain);
  const range = { atLeast, above, atMost, below };
  return [{ attribute, ...Object.fromEntries(ends.map((name) => [name, range[name]])) }];
}

function checkEnds(
  { attribute, ...range }: NumberRange & { attribute?: string },
  path: Path,
  complain: Complain,
): void {
  const { atLeast, above, atMost, below } = range;
  if (atLeast !== undefined && above !== undefined)
    complain([...path, 'above'], 'beside atLeast: expected one of them');
  else if (atMost !== undefined && below !== undefined)
    complain([...path, 'below'], 'beside atMost: expected one of them');
  else if (isEmptyTogether([range])) complain(path, `no number "${attribute}" is ${inWords(range)}`);
}

function hasEnd(range: NumberRange): boolean {
  return ENDS.some((name) => range[name] !== undefined);
}

/** "at least 65 and at most 18". */
function inWords({ atLeast, above, atMost, below }: NumberRange): string {
  const low = atLeast === undefined ? `above ${above}` : `at least ${atLeast}`;
  return `${low} and ${atMost === undefined ? `below ${below}` : `at most ${atMost}`}`;
}
