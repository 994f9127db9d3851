import { decodeWealth, encodeWealth, type Moments, type PairedBetting } from '#libs/statistics';

export type EncodedPairedBetting = readonly [
  n: number,
  sum: number,
  past: readonly [n: number, mean: number, sumOfSquaredDeviations: number],
  harmful: readonly number[],
  nonInferior: readonly number[],
];

export function encodePairedBetting({ n, sum, past, harmful, nonInferior }: PairedBetting): EncodedPairedBetting {
  return [n, sum, [past.n, past.mean, past.sumOfSquaredDeviations], encodeWealth(harmful), encodeWealth(nonInferior)];
}

export function decodePairedBetting([n, sum, past, harmful, nonInferior]: EncodedPairedBetting): PairedBetting {
  const moments: Moments = { n: past[0], mean: past[1], sumOfSquaredDeviations: past[2] };
  return {
    n,
    sum,
    past: moments,
    harmful: decodeWealth(harmful),
    nonInferior: decodeWealth(nonInferior),
  };
}
