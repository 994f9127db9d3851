import { safeLine } from '#libs/platform';

type Pad = (cell: string, width: number, column: number) => string;

/** Rows as lines with aligned columns, two spaces between them; the first row is the heading. @param pad puts a cell in its column; to the left, unless it is said otherwise */
export function alignedColumns(
  rows: readonly (readonly string[])[],
  pad: Pad = (cell, width) => cell.padEnd(width),
): string[] {
  const clean = rows.map((row) => row.map(safeLine));
  const widths = (clean[0] ?? []).map((_cell, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)));
  return clean.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] as number, column))
      .join('  ')
      .trimEnd(),
  );
}
