import { type Arm, FAR_TAIL_SHARE, hit, initialTilt, lnELessOften, lnETailMoreOften } from '#libs/statistics';
import { DensePast } from './dense-past.js';

/** The lower tail as libs/evidence judges it, with pasts that are quick to read. */
export class LowerTail {
  private readonly past: DensePast;
  private readonly below = initialTilt();
  private readonly farPast: DensePast;
  private readonly farBelow = initialTilt();

  /** @param level share of control's values in the tail. */
  constructor(level: number) {
    this.past = new DensePast(level);
    this.farPast = new DensePast(FAR_TAIL_SHARE * level);
  }

  get hasLimit(): boolean {
    return this.past.limit !== null;
  }

  /** @returns whether the value lies in the tail: the evidence has moved. */
  observe(arm: Arm, propensity: number, value: number): boolean {
    const isBelow = this.past.limit !== null && value < this.past.limit;
    if (isBelow) hit(this.below, arm, propensity);
    if (this.farPast.limit !== null && value < this.farPast.limit) hit(this.farBelow, arm, propensity);
    if (arm === 'control') {
      this.past.add(value);
      this.farPast.add(value);
    }
    return isBelow;
  }

  /** @param boundary ln of the largest allowed rate ratio. */
  lnEHarmful(boundary: number): number {
    return lnETailMoreOften(this.below, this.farBelow, boundary);
  }

  lnENonInferior(boundary: number): number {
    return lnELessOften(this.below, boundary);
  }
}
