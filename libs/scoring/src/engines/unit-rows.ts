/**
 * Brings each row to length 1, in double precision. A row that has no length — zero, or with a number in it that isn't finite — becomes NaN
 * throughout: no similarity can be told of it, and nobody takes it for one.
 *
 * @param rows row-major, `width` numbers each; overwritten
 */
export function toUnitRows(rows: Float32Array, width: number): void {
  for (let from = 0; from < rows.length; from += width) {
    let squares = 0;
    for (let at = from; at < from + width; at += 1) squares += rows[at]! ** 2;
    const length = Math.sqrt(squares);
    if (length > 0 && Number.isFinite(length)) {
      for (let at = from; at < from + width; at += 1) rows[at] = rows[at]! / length;
    } else rows.fill(NaN, from, from + width);
  }
}
