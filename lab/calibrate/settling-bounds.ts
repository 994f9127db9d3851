import {
  type Arm,
  initialMoments,
  mergeMoments,
  type Moments,
  movedOut,
  pastSpread,
  type Widening,
  widthFor,
} from '#libs/statistics';
import { type Bounds, clippedMoments, type ValueShape } from './shapes.js';

export interface WideningBounds extends Bounds {
  readonly expected: number;
  /** As a betting design has it; absent: the bounds stay. */
  readonly widening?: Widening;
}

/** Stands for a past so long that the usual spread no longer counts. */
const LONG = 1e9;

/** How far bounds widen that follow the past spread of either variant, by the expected past instead of a drawn one. */
export class SettlingBounds {
  private readonly past: Record<Arm, Moments> = { control: initialMoments(), candidate: initialMoments() };

  constructor(
    private readonly bounds: WideningBounds,
    private readonly shape: ValueShape,
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
    const { control, candidate } = this.past;
    const { spread } = widening;
    return this.widened(widthFor(widening, pastSpread(control, spread), pastSpread(candidate, spread)));
  }

  private add(arm: Arm, n: number, valueOf: (z: number) => number): void {
    const { mean, variance } = clippedMoments(valueOf, this.widened(this.bounds.widening?.atMost ?? 1));
    this.past[arm] = mergeMoments(this.past[arm], { n, mean, sumOfSquaredDeviations: n * variance });
  }

  private widened(times: number): Bounds {
    const { lo, hi, expected } = this.bounds;
    return { lo: movedOut(lo, expected, times), hi: movedOut(hi, expected, times) };
  }
}
