import {
  type Arm,
  farTailLimit,
  hit,
  hitInWindow,
  initialRestartedTilt,
  initialTilt,
  lnEFirstOrLater,
  lnELessOften,
  lnERestarted,
  lnETailMoreOften,
  windowAfter,
} from '#libs/statistics';
import type { ReadPast } from './dense-past.js';

/** The lower tail as libs/evidence judges it, with a past that is quick to read. */
export class LowerTail {
  private readonly below = initialTilt();
  private farLimit: number | null = null;
  private readonly farBelow = initialTilt();
  private readonly later = initialRestartedTilt();
  private values = 0;

  /**
   * @param level share of control's values in the tail.
   * @param past where the limit is read from, at the same level.
   */
  constructor(
    private readonly level: number,
    private readonly past: ReadPast,
  ) {}

  get hasLimit(): boolean {
    return this.past.limit !== null;
  }

  /** @returns whether the value lies in the tail: the evidence has moved. */
  observe(arm: Arm, propensity: number, value: number): boolean {
    const isBelow = this.past.limit !== null && value < this.past.limit;
    const window = windowAfter(this.values);
    this.values += 1;
    if (isBelow) {
      hit(this.below, arm, propensity);
      hitInWindow(this.later, window, arm, propensity);
    }
    if (this.farLimit !== null && value < this.farLimit) hit(this.farBelow, arm, propensity);
    if (arm === 'control' && this.past.add(value)) {
      const { n } = this.past;
      this.farLimit = farTailLimit({ n, quantile: (p) => this.past.quantile(p) }, this.level);
    }
    return isBelow;
  }

  /** @param boundary ln of the largest allowed rate ratio. */
  lnEHarmful(boundary: number): number {
    return lnEFirstOrLater(lnETailMoreOften(this.below, this.farBelow, boundary), lnERestarted(this.later, boundary));
  }

  /** At 0 it is evidence that the tail is rarer: superiority. @param weights of the tilts; default: equal. */
  lnENonInferior(boundary: number, weights?: readonly number[]): number {
    return lnELessOften(this.below, boundary, weights);
  }
}
