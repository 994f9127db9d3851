/** An experiment file has six levels. Readers that call themselves for each level end the process on a text with thousands. */
export const MOST_LEVELS = 64;
/** Blanks and list marks before the text of a line: each level of a block needs one at least. */
const MOST_INDENTATION = 200;

const OPENS: ReadonlySet<string> = new Set(['[', '{']);
const CLOSES: ReadonlySet<string> = new Set([']', '}']);
const INDENTS: ReadonlySet<string> = new Set([' ', '\t', '-', '?', ':']);
/** What begins another entry; keys behind each other without one of these are each the value of the one before. */
const SEPARATES: ReadonlySet<string> = new Set(['\n', '\r', ',', ...OPENS, ...CLOSES]);

/** Where a JSON text is nested in more than {@link MOST_LEVELS} levels, as an offset; undefined: nowhere. */
export function tooDeepInJson(text: string): number | undefined {
  let levels = 0;
  let isInString = false;
  for (let offset = 0; offset < text.length; offset += 1) {
    const character = text[offset] as string;
    if (isInString && character === '\\') offset += 1;
    else if (character === '"') isInString = !isInString;
    else if (isInString) continue;
    else if (OPENS.has(character)) levels += 1;
    else if (CLOSES.has(character)) levels -= 1;
    if (levels > MOST_LEVELS) return offset;
  }
  return undefined;
}

/**
 * The same for YAML, by all brackets, by the indentation of its lines and by keys in a row (`a: a: a:`, for which its reader takes a time that grows
 * with their square). Brackets and colons in texts count as well: what begins and ends a text is only known to whoever reads it all.
 */
export function tooDeepInYaml(text: string): number | undefined {
  let levels = 0;
  let indentation = 0;
  let keys = 0;
  for (let offset = 0; offset < text.length; offset += 1) {
    const character = text[offset] as string;
    if (OPENS.has(character)) levels += 1;
    else if (CLOSES.has(character)) levels = Math.max(0, levels - 1);
    if (SEPARATES.has(character)) keys = 0;
    else if (character === ':' && text[offset + 1] === ' ') keys += 1;
    if (character === '\n' || character === '\r') indentation = 0;
    else if (INDENTS.has(character) && indentation >= 0) indentation += 1;
    else indentation = -1;
    if (levels > MOST_LEVELS || keys > MOST_LEVELS || indentation > MOST_INDENTATION) return offset;
  }
  return undefined;
}
