import {
  type AudienceCondition,
  type AudienceRule,
  isInVersionRange,
  parseVersionRange,
  type VersionRange,
} from '#libs/contracts';

/** What is known of who asks, e.g. `{ plan: 'pro', country: 'de' }`. */
export type Attributes = Readonly<Record<string, string>>;

/**
 * Whether every rule holds, of `any` one of its conditions. A missing attribute matches no condition, `notIn` included: of whom nothing is
 * known it isn't known either that they are none of these. No rules match everybody.
 */
export function matchesAudience(audience: readonly AudienceRule[], attributes: Attributes): boolean {
  return audience.every((rule) =>
    'any' in rule ? rule.any.some((condition) => matches(condition, attributes)) : matches(rule, attributes),
  );
}

function matches(condition: AudienceCondition, attributes: Attributes): boolean {
  const { attribute } = condition;
  const value = Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
  if (value === undefined) return false;
  if ('in' in condition) return condition.in.includes(value);
  if ('notIn' in condition) return !condition.notIn.includes(value);
  if ('contains' in condition) return condition.contains.some((part) => value.includes(part));
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
