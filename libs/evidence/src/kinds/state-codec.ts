import {
  type AllocationCell,
  type Betting,
  ByPropensity,
  type ClassCentres,
  type Clipped,
  decodeWealth,
  encodeWealth,
  type MeanDifference,
  initialClassCentres,
  initialKnownShares,
  type KnownShares,
  type Moments,
  type NestedBetting,
  nothingHeld,
  type QuantileSketch,
  type RestartedTilt,
  settleBets,
  type Tilt,
} from '#libs/statistics';
import type { ControlTailLimit } from './control-tail-limit.js';
import type { ValuesByPropensity } from './values-by-propensity.js';

/**
 * Plain-JSON forms of the statistical states. JSON numbers carry doubles exactly; typed arrays become arrays, maps become
 * lists of entries in their order, which is part of the state: sums over them round in that order.
 */

export type EncodedBetting = readonly [
  n: number,
  nCandidate: number,
  sum: number,
  recent: number,
  clipped: readonly [control: EncodedClipped, candidate: EncodedClipped],
  past: readonly [control: EncodedMoments, candidate: EncodedMoments],
  harmful: readonly number[],
  nonInferior: readonly number[],
];
type EncodedClipped = readonly [values: number, sum: number, size: number, furthest: number];
type EncodedMoments = readonly [n: number, mean: number, sumOfSquaredDeviations: number];

export function encodeBetting(betting: Betting): EncodedBetting {
  settleBets(betting);
  const { n, nCandidate, sum, recent, clipped, past, harmful, nonInferior } = betting;
  const cuts = [encodeClipped(clipped.control), encodeClipped(clipped.candidate)] as const;
  const pasts = [encodeMoments(past.control), encodeMoments(past.candidate)] as const;
  return [n, nCandidate, sum, recent, cuts, pasts, encodeWealth(harmful), encodeWealth(nonInferior)];
}

export function decodeBetting([
  n,
  nCandidate,
  sum,
  recent,
  [cutOfControl, cutOfCandidate],
  [control, candidate],
  harmful,
  nonInferior,
]: EncodedBetting): Betting {
  const bets = { harmful: decodeWealth(harmful), nonInferior: decodeWealth(nonInferior) };
  return {
    n,
    nCandidate,
    sum,
    recent,
    clipped: { control: decodeClipped(cutOfControl), candidate: decodeClipped(cutOfCandidate) },
    past: { control: decodeMoments(control), candidate: decodeMoments(candidate) },
    ...bets,
    ...nothingHeld(bets),
  };
}

export interface EncodedNestedBetting {
  readonly levels: readonly EncodedBetting[];
  readonly total: NestedBetting['total'];
}

export function encodeNestedBetting({ levels, total }: NestedBetting): EncodedNestedBetting {
  return { levels: levels.map(encodeBetting), total: { ...total } };
}

export function decodeNestedBetting({ levels, total }: EncodedNestedBetting): NestedBetting {
  return { levels: levels.map(decodeBetting), total: { ...total } };
}

/** Of the classes that were seen. */
export type EncodedClassCentres = {
  readonly classes: number;
  readonly seen: readonly (readonly [of: number, n: number, offset: number, mean: number])[];
};

export function encodeClassCentres({ n, offset, mean }: ClassCentres): EncodedClassCentres {
  const seen = [...n.keys()].filter((k) => n[k] !== 0);
  return {
    classes: n.length,
    seen: seen.map((k) => [k, n[k] as number, offset[k] as number, mean[k] as number] as const),
  };
}

export function decodeClassCentres({ classes, seen }: EncodedClassCentres): ClassCentres {
  const centres = initialClassCentres(classes);
  for (const [k, n, offset, mean] of seen) {
    centres.n[k] = n;
    centres.offset[k] = offset;
    centres.mean[k] = mean;
  }
  return centres;
}

function encodeClipped({ values, sum, size, furthest }: Clipped): EncodedClipped {
  return [values, sum, size, furthest];
}

function decodeClipped([values, sum, size, furthest]: EncodedClipped): Clipped {
  return { values, sum, size, furthest };
}

function encodeMoments({ n, mean, sumOfSquaredDeviations }: Moments): EncodedMoments {
  return [n, mean, sumOfSquaredDeviations];
}

function decodeMoments([n, mean, sumOfSquaredDeviations]: EncodedMoments): Moments {
  return { n, mean, sumOfSquaredDeviations };
}

export type EncodedTilt = readonly (readonly [number, number, number])[];

export function encodeTilt({ hits }: Tilt): EncodedTilt {
  return [...hits].map(([propensity, { control, candidate }]) => [propensity, control, candidate] as const);
}

export function decodeTilt(encoded: EncodedTilt): Tilt {
  return {
    hits: new ByPropensity(encoded.map(([propensity, control, candidate]) => [propensity, { control, candidate }])),
  };
}

export interface EncodedRestartedTilt {
  readonly windows: readonly EncodedTilt[];
  readonly owed: number;
}

export function encodeRestartedTilt({ windows, owed }: RestartedTilt): EncodedRestartedTilt {
  return { windows: windows.map(encodeTilt), owed };
}

export function decodeRestartedTilt({ windows, owed }: EncodedRestartedTilt): RestartedTilt {
  return { windows: windows.map(decodeTilt), owed };
}

export interface EncodedMeanDifference {
  readonly n: number;
  readonly sum: number;
  readonly stages: readonly (readonly [number, AllocationCell])[];
}

export function encodeMeanDifference({ n, sum, stages }: MeanDifference): EncodedMeanDifference {
  return { n, sum, stages: [...stages].map(([propensity, stage]) => [propensity, structuredClone(stage)] as const) };
}

export function decodeMeanDifference({ n, sum, stages }: EncodedMeanDifference): MeanDifference {
  return { n, sum, stages: new ByPropensity(structuredClone(stages) as [number, AllocationCell][]) };
}

export interface EncodedSketch {
  readonly n: number;
  readonly infinite: number;
  readonly zero: number;
  readonly positive: readonly (readonly [number, number])[];
  readonly negative: readonly (readonly [number, number])[];
}

export function encodeSketch({ n, infinite, zero, positive, negative }: QuantileSketch): EncodedSketch {
  return { n, infinite, zero, positive: [...positive], negative: [...negative] };
}

export function decodeSketch({ n, infinite, zero, positive, negative }: EncodedSketch): QuantileSketch {
  return { n, infinite, zero, positive: new Map(positive), negative: new Map(negative) };
}

export interface EncodedTailLimit {
  readonly recent: EncodedSketch;
  readonly older: EncodedSketch;
  /** JSON has no ∞. */
  readonly limit: number | 'infinite' | null;
  readonly refreshIn: number;
}

export function encodeTailLimit({ recent, older, limit, refreshIn }: ControlTailLimit): EncodedTailLimit {
  return {
    recent: encodeSketch(recent),
    older: encodeSketch(older),
    limit: limit === Infinity ? 'infinite' : limit,
    refreshIn,
  };
}

export function decodeTailLimit({ recent, older, limit, refreshIn }: EncodedTailLimit): ControlTailLimit {
  return {
    recent: decodeSketch(recent),
    older: decodeSketch(older),
    limit: limit === 'infinite' ? Infinity : limit,
    refreshIn,
  };
}

export type EncodedValues = readonly (readonly [number, EncodedSketch, EncodedSketch])[];

export function encodeValues(values: ValuesByPropensity): EncodedValues {
  return [...values].map(
    ([propensity, { control, candidate }]) => [propensity, encodeSketch(control), encodeSketch(candidate)] as const,
  );
}

export function decodeValues(values: EncodedValues): ValuesByPropensity {
  return new ByPropensity(
    values.map(([propensity, control, candidate]) => [
      propensity,
      { control: decodeSketch(control), candidate: decodeSketch(candidate) },
    ]),
  );
}

/** Propensity, known and unknown of control, known and unknown of the candidate. */
export type EncodedKnownShares = readonly (readonly [number, number, number, number, number])[];

export function encodeKnownShares({ cells }: KnownShares): EncodedKnownShares {
  return [...cells].map(([propensity, { control, candidate }]) => [
    propensity,
    control.known,
    control.unknown,
    candidate.known,
    candidate.unknown,
  ]);
}

export function decodeKnownShares(encoded: EncodedKnownShares): KnownShares {
  const shares = initialKnownShares();
  for (const [propensity, known, unknown, knownOfCandidate, unknownOfCandidate] of encoded) {
    shares.cells.set(propensity, {
      control: { known, unknown },
      candidate: { known: knownOfCandidate, unknown: unknownOfCandidate },
    });
  }
  return shares;
}
