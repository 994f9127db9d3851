import { MILLION, type WeightsPpm } from '#libs/contracts';
import { lnESampleRatio } from '#libs/statistics';

/** What came under one allocation. */
export interface DrawnUnder {
  readonly weightsPpm: WeightsPpm;
  /** Units that were first seen under it, by variant: what the sample ratio is tested on. */
  readonly firstSeen: ReadonlyMap<string, number>;
  /** Randomised requests, by variant. */
  readonly requests: ReadonlyMap<string, number>;
  /** The sum over the units of the square of how many requests each has made under it, whatever its variant. */
  readonly squaredRequests: number;
}

/** Units and requests beside what was ordered, over any number of allocations: sums, so that an allocation that is over needs no place of its own. */
export interface Draws {
  /** ln E against "units were split as ordered", under all of the allocations. */
  lnE: number;
  /** Units that were first seen, by variant, whether or not it had a share. */
  readonly firstSeen: Map<string, number>;
  /** By variant with a share. */
  readonly variants: Map<string, VariantDraws>;
  requests: number;
  squaredRequests: number;
}

interface VariantDraws {
  units: number;
  expectedUnits: number;
  requests: number;
  expectedRequests: number;
  /** Of the requests, were each unit drawn as ordered: w(1 − w)·Σn² over units of n requests. */
  variance: number;
}

export function noDraws(): Draws {
  return { lnE: 0, firstSeen: new Map(), variants: new Map(), requests: 0, squaredRequests: 0 };
}

/** Adds what came under one allocation, in place. Its units count as a sample of their own. */
export function addDraws(draws: Draws, { weightsPpm, firstSeen, requests, squaredRequests }: DrawnUnder): void {
  const names = Object.keys(weightsPpm).sort();
  const units = names.map((variant) => firstSeen.get(variant) ?? 0);
  const shares = names.map((variant) => (weightsPpm[variant] as number) / MILLION);
  const allUnits = units.reduce((sum, count) => sum + count, 0);
  const allRequests = [...requests.values()].reduce((sum, count) => sum + count, 0);
  draws.lnE = Math.min(Number.MAX_VALUE, draws.lnE + lnESampleRatio(units, shares));
  draws.requests += allRequests;
  draws.squaredRequests += squaredRequests;
  for (const [variant, count] of firstSeen) draws.firstSeen.set(variant, (draws.firstSeen.get(variant) ?? 0) + count);
  names.forEach((variant, index) => {
    const share = shares[index] as number;
    addVariant(draws, variant, {
      units: units[index] as number,
      expectedUnits: allUnits * share,
      requests: requests.get(variant) ?? 0,
      expectedRequests: share * allRequests,
      variance: share * (1 - share) * squaredRequests,
    });
  });
}

/** Both together; for reading only where one of them has nothing. */
export function mergeDraws(a: Draws, b: Draws): Draws {
  if (b.variants.size + b.firstSeen.size === 0) return a;
  if (a.variants.size + a.firstSeen.size === 0) return b;
  const sum = noDraws();
  for (const draws of [a, b]) {
    sum.lnE = Math.min(Number.MAX_VALUE, sum.lnE + draws.lnE);
    sum.requests += draws.requests;
    sum.squaredRequests += draws.squaredRequests;
    for (const [variant, count] of draws.firstSeen)
      sum.firstSeen.set(variant, (sum.firstSeen.get(variant) ?? 0) + count);
    for (const [variant, of] of draws.variants) addVariant(sum, variant, of);
  }
  return sum;
}

/** To add to. */
export function copyOfDraws(draws: Draws): Draws {
  return decodeDraws(encodeDraws(draws));
}

function addVariant({ variants }: Draws, variant: string, more: VariantDraws): void {
  const of = variants.get(variant);
  if (of === undefined) {
    variants.set(variant, { ...more });
    return;
  }
  of.units += more.units;
  of.expectedUnits += more.expectedUnits;
  of.requests += more.requests;
  of.expectedRequests += more.expectedRequests;
  of.variance += more.variance;
}

export interface EncodedDraws {
  readonly lnE: number;
  readonly firstSeen: readonly (readonly [variant: string, units: number])[];
  readonly variants: readonly (readonly [variant: string, VariantDraws])[];
  readonly requests: number;
  readonly squaredRequests: number;
}

export function encodeDraws({ firstSeen, variants, ...sums }: Draws): EncodedDraws {
  return {
    ...sums,
    firstSeen: [...firstSeen],
    variants: [...variants].map(([variant, of]) => [variant, { ...of }] as const),
  };
}

export function decodeDraws({ firstSeen, variants, ...sums }: EncodedDraws): Draws {
  return {
    ...sums,
    firstSeen: new Map(firstSeen),
    variants: new Map(variants.map(([variant, of]) => [variant, { ...of }])),
  };
}
