/** A version without its build; `pre` are the dotted parts of a pre-release, none for a release. */
interface Version {
  readonly numbers: readonly [major: number, minor: number, patch: number];
  readonly pre: readonly string[];
}

type Comparison = '<' | '<=' | '=' | '>=' | '>';

/** All of these have to hold. */
export type VersionRange = readonly { readonly comparison: Comparison; readonly version: Version }[];

const VERSION = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([\da-z-]+(?:\.[\da-z-]+)*))?(?:\+[\da-z.-]+)?$/i;
const COMPARATOR = /^(<=?|>=?|=|\^|~)?(\S+)$/;

/**
 * Reads a range of versions: comparisons with `<`, `<=`, `=`, `>=`, `>` separated by blanks, all of which have to hold; `^1.2` (up to the next
 * change of its first number that is not 0) and `~1.2` (up to the next minor version), as npm reads them; a version alone is itself. Order:
 * Semantic Versioning 2.0.0, section 11; what is left out of a version is 0.
 * @returns null where the text is no range.
 */
export function parseVersionRange(text: string): VersionRange | null {
  const range: VersionRange[number][] = [];
  // A blank between a comparison and its version is no separator.
  for (const written of text
    .trim()
    .replaceAll(/([<>=^~])\s+/g, '$1')
    .split(/\s+/)) {
    const [, sign = '=', rest = ''] = COMPARATOR.exec(written) ?? [];
    const version = parseVersion(rest);
    if (version === null) return null;
    if (sign === '^' || sign === '~') range.push(...upToTheNext(version, fixedPlace(rest, version, sign)));
    else range.push({ comparison: sign as Comparison, version });
  }
  return range;
}

/** Versions are short; what users send in their headers need not be. */
const LONGEST_VERSION = 256;

/** Whether a version lies in a range. @returns null where the text is no version, or longer than any. */
export function isInVersionRange(range: VersionRange, text: string): boolean | null {
  const version = text.length > LONGEST_VERSION ? null : parseVersion(text.trim());
  if (version === null) return null;
  return range.every((bound) => holds(compareVersions(version, bound.version), bound.comparison));
}

function parseVersion(text: string): Version | null {
  const match = VERSION.exec(text);
  if (match === null) return null;
  const [, major, minor = '0', patch = '0', pre] = match;
  return { numbers: [Number(major), Number(minor), Number(patch)], pre: pre === undefined ? [] : pre.split('.') };
}

function upToTheNext(version: Version, place: number): VersionRange {
  const numbers = version.numbers.map((number, at) => (at < place ? number : at === place ? number + 1 : 0));
  // A pre-release of the next version is before it, and no longer of this one.
  const next: Version = { numbers: numbers as [number, number, number], pre: ['0'] };
  return [
    { comparison: '>=', version },
    { comparison: '<', version: next },
  ];
}

/** Which of its numbers may not change: of `^` the first that is not 0, of `~` the minor one; as far as they are written. */
function fixedPlace(written: string, { numbers }: Version, sign: '^' | '~'): number {
  const last = (written.split(/[-+]/)[0] as string).split('.').length - 1;
  if (sign === '~') return Math.min(1, last);
  const first = numbers.findIndex((number) => number > 0);
  return first === -1 ? last : Math.min(first, last);
}

function compareVersions(a: Version, b: Version): number {
  for (const place of [0, 1, 2] as const) {
    const difference = a.numbers[place] - b.numbers[place];
    if (difference !== 0) return difference;
  }
  // A release comes after its pre-releases.
  if (a.pre.length === 0 || b.pre.length === 0) return b.pre.length - a.pre.length;
  for (let index = 0; index < Math.max(a.pre.length, b.pre.length); index++) {
    const difference = comparePreReleases(a.pre[index], b.pre[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers before words, and what is missing before both. */
function comparePreReleases(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  const isNumber = /^\d+$/;
  if (isNumber.test(a) && isNumber.test(b)) return Number(a) - Number(b);
  if (isNumber.test(a) !== isNumber.test(b)) return isNumber.test(a) ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function holds(difference: number, comparison: Comparison): boolean {
  switch (comparison) {
    case '<':
      return difference < 0;
    case '<=':
      return difference <= 0;
    case '=':
      return difference === 0;
    case '>=':
      return difference >= 0;
    case '>':
      return difference > 0;
    default:
      return comparison satisfies never;
  }
}
