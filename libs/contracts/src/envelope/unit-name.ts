/** What clients send when they have no name to send: the text of a missing value in some language, a placeholder, or nothing at all. */
const NO_NAMES: ReadonlySet<string> = new Set([
  '',
  'undefined',
  'null',
  '(null)',
  '<null>',
  'nil',
  '<nil>',
  'none',
  'nan',
  'n/a',
  'na',
  'false',
  'true',
  'unknown',
  'anonymous',
  'anon',
  'guest',
  '0',
  '-1',
  '-',
  '""',
  "''",
  '[]',
  '{}',
  '00000000-0000-0000-0000-000000000000',
]);

/** An object turned into text, and a template whose place was never filled: `[object Object]`, `${userId}`, `{{ user.id }}`, `%s`. */
const NO_NAME = /^(?:\[object \w+\]|\$\{.*\}|\{\{.*\}\}|<%.*%>|%[sd]|:\w*user_?id\w*)$/i;

/**
 * Whether a unit's "name" names nobody. All requests that carry one would be one unit, with one variant, and one observation.
 * `0`, `-1`, `guest` and the like may be somebody's real name: that one user then is a new unit with every request, which costs him a
 * constant variant; to take nobody for somebody would cost the experiment all of its anonymous traffic.
 */
export function isNameless(unit: string): boolean {
  const name = unit.trim().toLowerCase();
  return NO_NAMES.has(name) || NO_NAME.test(name);
}
