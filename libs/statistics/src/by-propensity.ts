/**
 * What is kept of each allocation, by the candidate's propensity in it. One follows another for thousands of events, so the cell of the
 * last one is at hand: to look a double up in a map costs as much as what is then done to the cell.
 *
 * Cells are changed in place and never replaced once {@link at} has given them out.
 */
export class ByPropensity<Cell> extends Map<number, Cell> {
  #last = NaN;
  #cell: Cell | undefined;

  /** The cell of a propensity, made by `initial` where there is none. */
  at(propensity: number, initial: () => Cell): Cell {
    if (propensity === this.#last) return this.#cell as Cell;
    let cell = this.get(propensity);
    if (cell === undefined) {
      cell = initial();
      this.set(propensity, cell);
    }
    this.#last = propensity;
    this.#cell = cell;
    return cell;
  }
}
