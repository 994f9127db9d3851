/** Characters of a unit's name; in place of a longer one a router draws its digest. */
export const LONGEST_UNIT = 256;

/** What clients send when they have no name to send: the text of a missing value in some language, a placeholder, or nothing at all. */
export const NO_NAMES: ReadonlySet<string> = new Set([
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
  // Of an assignment that was to have its request's id instead.
  '*',
  '""',
  "''",
  '[]',
  '{}',
  '00000000-0000-0000-0000-000000000000',
]);

/** An object turned into text, and a template whose place was never filled: `[object Object]`, `${userId}`, `{{ user.id }}`, `%s`. */
const NO_NAME = /^(?:\[object \w+\]|\$\{.*\}|\{\{.*\}\}|<%.*%>|%[sd]|:(?=\w*user_?id)\w+)$/i;

/**
 * Whether a unit's "name" names nobody. All requests that carry one would be one unit, with one variant, and one observation.
 * `0`, `-1`, `guest` and the like may be somebody's real name: that one user then is a new unit with every request, which costs him a
 * constant variant; to take nobody for somebody would cost the experiment all of its anonymous traffic.
 */
export function isNameless(unit: string): boolean {
  if (isPlainlyAName(unit)) return false;
  const name = unit.trim().toLowerCase();
  return NO_NAMES.has(name) || NO_NAME.test(name);
}

/** The longest of {@link NO_NAMES} that begin with a letter or a digit but 0. */
const LONGEST_WORD = 'undefined'.length;
const [ZERO, NINE, UPPER_A, UPPER_Z, LOWER_A, LOWER_Z] = [...'09AZaz'].map((letter) => letter.charCodeAt(0)) as [
  number,
  number,
  number,
  number,
  number,
  number,
];

/** Of nearly all names two characters tell that they are one; this is asked for every event. */
function isPlainlyAName(unit: string): boolean {
  const first = unit.charCodeAt(0);
  const last = unit.charCodeAt(unit.length - 1);
  if (!isLetterOrDigit(first) || first === ZERO) return false;
  // No word for nobody that begins with a letter ends with a digit.
  if (last > ZERO && last <= NINE) return true;
  return unit.length > LONGEST_WORD && isLetterOrDigit(last);
}

function isLetterOrDigit(code: number): boolean {
  return (code >= ZERO && code <= NINE) || (code >= UPPER_A && code <= UPPER_Z) || (code >= LOWER_A && code <= LOWER_Z);
}
