/**
 * Control characters of C0 and C1, line and paragraph separators, and what turns the direction of text: what a server or a file says may hold any of
 * them, and none of them may move the cursor, hide a line or make one up.
 */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** One line, with every control character written out: ESC becomes `\u001b`. */
export function safeLine(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** The same for text that may have several lines. */
export function safeLines(text: string): string {
  return text.split('\n').map(safeLine).join('\n');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
