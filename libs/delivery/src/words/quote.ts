/** The operator's own words, quoted behind a colon; nothing without any. */
export function because(note: string): string {
  return note.trim() === '' ? '' : `: “${note.trim()}”`;
}
