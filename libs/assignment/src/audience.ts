import {
  type AudienceCondition,
  type AudienceRule,
  isInNumberRange,
  isInVersionRange,
  parseVersionRange,
  type VersionRange,
} from '#libs/contracts';
import { bucketOf, hashUnit } from './bucket.js';

/** What is known of who asks, e.g. `{ plan: 'pro', country: 'de' }`. */
export type Attributes = Readonly<Record<string, string>>;

/** Who asks, as far as an audience depends on it. */
export interface AudienceAsker {
  readonly unit: string;
  readonly attributes: Attributes;
  /** Hears of an attribute whose value no rule can read: no number, no version, or longer than {@link LONGEST_ATTRIBUTE}. */
  readonly onUnreadable?: ((attribute: string) => void) | undefined;
}

/** Longer values match no rule: nobody is named by one, and they cost as much as they are long. */
export const LONGEST_ATTRIBUTE = 1_024;

/**
 * Whether every rule holds, of `any` one of its conditions. A missing attribute matches no condition, `notIn` included: of whom nothing is
 * known it isn't known either that they are none of these; what can't be read matches none either. No rules match everybody.
 * @param salt of the shares, see `salts.audience`
 */
export function matchesAudience(audience: readonly AudienceRule[], salt: string, asker: AudienceAsker): boolean {
  return audience.every((rule) => matches(rule, salt, asker));
}

function matches(rule: AudienceRule, salt: string, asker: AudienceAsker): boolean {
  if ('any' in rule) return rule.any.some((one) => matches(one, salt, asker));
  if ('attribute' in rule) return holds(rule, asker);
  const { of, percentPpm } = rule;
  return (of === undefined || matches(of, salt, asker)) && bucketOf(hashUnit(salt, asker.unit)) < percentPpm;
}

function holds(condition: AudienceCondition, { attributes, onUnreadable }: AudienceAsker): boolean {
  const { attribute } = condition;
  const value = Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
  if (value === undefined) return false;
  const found = value.length > LONGEST_ATTRIBUTE ? null : compared(condition, value);
  if (found === null) onUnreadable?.(attribute);
  return found === true;
}

/** null: the value is not what the condition speaks of. */
function compared(condition: AudienceCondition, value: string): boolean | null {
  if ('in' in condition) return condition.in.includes(value);
  if ('notIn' in condition) return !condition.notIn.includes(value);
  if ('contains' in condition) return condition.contains.some((part) => value.includes(part));
  if (!('semver' in condition)) return isInNumberRange(condition, value);
  const range = rangeOf(condition.semver);
  return range !== null && isInVersionRange(range, value);
}

/** Ranges are read once; there are as many as experiments name. */
const ranges = new Map<string, VersionRange | null>();

function rangeOf(text: string): VersionRange | null {
  const known = ranges.get(text);
  if (known !== undefined) return known;
  const range = parseVersionRange(text);
  ranges.set(text, range);
  return range;
}
