const OPENING = ': “';
const CLOSING = '”';

/** The operator's own words, quoted behind a colon; nothing without any. */
export function because(note: string): string {
  return note.trim() === '' ? '' : OPENING + note.trim() + CLOSING;
}

/** What {@link because} has put at the end of a text; empty without any. */
export function quotedIn(text: string): string {
  const begin = text.indexOf(OPENING);
  return begin < 0 || !text.endsWith(CLOSING) ? '' : text.slice(begin + OPENING.length, -CLOSING.length);
}
