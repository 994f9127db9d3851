import { safeLine } from './safe-text.js';

/** Rows as lines with aligned columns, two spaces between them; the first row is the heading. */
export function alignedColumns(rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map(safeLine));
  const widths = (clean[0] ?? []).map((_cell, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)));
  return clean.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  );
}
