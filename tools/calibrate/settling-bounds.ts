import { type Arm, pastSpread } from '#libs/statistics';
import { type Bounds, clippedMoments, type Shape } from './shapes.js';

export interface WideningBounds extends Bounds {
  readonly expected: number;
  /** As a betting design has it; absent: the bounds stay. */
  readonly widening?: { readonly spread: number; readonly atMost: number };
}

/** Stands for a past so long that the usual spread no longer counts. */
const LONG = 1e9;

/** How far bounds widen that follow the past spread of either variant, by the expected past instead of a drawn one. */
export class SettlingBounds {
  private readonly past: Readonly<Record<Arm, { n: number; sum: number; sumOfSquares: number }>> = {
    control: { n: 0, sum: 0, sumOfSquares: 0 },
    candidate: { n: 0, sum: 0, sumOfSquares: 0 },
  };

  constructor(
    private readonly bounds: WideningBounds,
    private readonly shape: Shape,
  ) {}

  /** So many more units (Infinity: from now on for ever) at a share of the candidate and a drift. */
  pass(units: number, share: number, drift: number, shift: number): void {
    const n = Math.min(units, LONG);
    this.add('control', n * (1 - share), (z) => this.shape.control(z, drift));
    this.add('candidate', n * share, (z) => this.shape.candidate(z, drift, shift, 1));
  }

  now(): Bounds {
    const { widening } = this.bounds;
    if (!widening) return this.bounds;
    const spreads = Object.values(this.past).map(({ n, sum, sumOfSquares }) => {
      const mean = n === 0 ? 0 : sum / n;
      return pastSpread(
        { n, mean, sumOfSquaredDeviations: Math.max(0, sumOfSquares - n * mean * mean) },
        widening.spread,
      );
    });
    return this.stretched(Math.min(widening.atMost, Math.max(1, ...spreads.map((spread) => spread / widening.spread))));
  }

  private add(arm: Arm, n: number, valueOf: (z: number) => number): void {
    const { mean, variance } = clippedMoments(valueOf, this.stretched(this.bounds.widening?.atMost ?? 1));
    const past = this.past[arm];
    past.n += n;
    past.sum += n * mean;
    past.sumOfSquares += n * (variance + mean * mean);
  }

  private stretched(wider: number): Bounds {
    const { lo, hi, expected } = this.bounds;
    return { lo: expected - wider * (expected - lo), hi: expected + wider * (hi - expected) };
  }
}
