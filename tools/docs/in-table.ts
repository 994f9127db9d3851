/** Text as it can stand in a cell of a table: no end of the cell, and no tag. */
export function inTable(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
