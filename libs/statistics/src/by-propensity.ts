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

/**
 * The propensities of two states, ascending, so that sums over the cells round the same way in whatever order states were merged. Nearly always both have
 * the one that is in force.
 */
export function propensitiesOf(a: ReadonlyMap<number, unknown>, b: ReadonlyMap<number, unknown>): Iterable<number> {
  if (a.size <= 1 && (b.size === 0 || hasSameOne(a, b))) return a.keys();
  if (a.size === 0 && b.size === 1) return b.keys();
  return [...new Set([...a.keys(), ...b.keys()])].sort((x, y) => x - y);
}

function hasSameOne(a: ReadonlyMap<number, unknown>, b: ReadonlyMap<number, unknown>): boolean {
  if (b.size !== 1) return false;
  for (const propensity of a.keys()) return b.has(propensity);
  return false;
}
