/** The operator's own words, quoted behind a colon; nothing without any. */
export function because(note: string): string {
  return note.trim() === '' ? '' : `: “${note.trim()}”`;
}

/** What {@link because} has put at the end of a text; empty without any. */
export function quotedIn(text: string): string {
  return /: “([\s\S]*)”$/.exec(text)?.[1] ?? '';
}
