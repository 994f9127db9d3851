import type { SimulationRandom } from '#libs/testing/random';

/**
 * One situation of real traffic in which the truth is known. Its runs are folded by the evidence that ships.
 */
export interface RealTrafficRow {
  /** What happens, in a few words: its id and its line in the table. */
  readonly name: string;
  /**
   * One run of so many requests: for each decision that is wrong in this situation whether it was ever taken, looked at as often as
   * the run looks. The decisions are the same in every run.
   */
  readonly run: (requests: number, random: SimulationRandom) => Readonly<Record<string, boolean>>;
}
