/** Where a value stands in the text of a JSON object. */
export interface TextRange {
  readonly from: number;
  readonly to: number;
}

/** Characters of a JSON token that is neither text, object nor list. */
const LITERAL = /[^\s,\]}]+/y;
const BLANKS = /\s*/y;
/** Text in quotes; the escaped character is passed over, whatever it is. */
const TEXT = /"(?:[^"\\]|\\.)*"/y;

/**
 * Where the value of a dotted path stands, of the last key where one is there twice, as `JSON.parse` has it. Objects only: no path leads into a list.
 * @param text of a valid JSON object
 * @returns null where there is none
 */
export function placeOf(text: string, path: string): TextRange | null {
  let place: TextRange | null = { from: pass(BLANKS, text, 0), to: text.length };
  for (const name of path.split('.')) {
    if (place === null || text[place.from] !== '{') return null;
    place = memberOf(text, place.from, name);
  }
  return place;
}

/**
 * The same JSON with a number at `path`: in the place of the value that is there, else as a new member. Nothing else changes, since numbers above 2^53
 * would not survive being read and written again.
 * @param text of a valid JSON object
 * @returns null where something else than an object is on the way
 */
export function withNumber(text: string, path: string, value: number): string | null {
  const there = placeOf(text, path);
  if (there) return `${text.slice(0, there.from)}${value}${text.slice(there.to)}`;
  const names = path.split('.');
  const name = names.pop() as string;
  const parent = names.length === 0 ? rootOf(text) : placeOf(text, names.join('.'));
  if (parent) return withMember(text, parent.from, `${JSON.stringify(name)}:${value}`);
  if (names.length > 1) return null;
  return withMember(text, rootOf(text).from, `${JSON.stringify(names[0])}:{${JSON.stringify(name)}:${value}}`);
}

function rootOf(text: string): TextRange {
  return { from: pass(BLANKS, text, 0), to: text.length };
}

function withMember(text: string, open: number, member: string): string | null {
  if (text[open] !== '{') return null;
  const next = pass(BLANKS, text, open + 1);
  return `${text.slice(0, open + 1)}${member}${text[next] === '}' ? '' : ','}${text.slice(open + 1)}`;
}

function memberOf(text: string, open: number, name: string): TextRange | null {
  let found: TextRange | null = null;
  let at = pass(BLANKS, text, open + 1);
  while (text[at] === '"') {
    const keyEnd = pass(TEXT, text, at);
    const isNamed = JSON.parse(text.slice(at, keyEnd)) === name;
    const from = pass(BLANKS, text, pass(BLANKS, text, keyEnd) + 1);
    const to = endOf(text, from);
    if (isNamed) found = { from, to };
    at = pass(BLANKS, text, to);
    if (text[at] === ',') at = pass(BLANKS, text, at + 1);
  }
  return found;
}

function endOf(text: string, from: number): number {
  if (text[from] === '"') return pass(TEXT, text, from);
  if (text[from] !== '{' && text[from] !== '[') return pass(LITERAL, text, from);
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      at = pass(TEXT, text, at);
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    at += 1;
    if (depth === 0) break;
  }
  return at;
}

/** @returns where the pattern ends that begins at `from`; `from` where it does not. */
function pass(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}
