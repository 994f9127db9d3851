import type { AnalysisHealth } from '#libs/contracts';
import { approximateRhoSquared, asymptoticLnE, rejects } from '#libs/statistics';
import type { Draws } from '../fold/draws.js';
import type { Evidence } from '../fold/evidence.js';
import { heaviestUnit } from '../fold/heavy-units.js';
import { recentArrivals } from '../fold/newcomers.js';

/** Recent requests before anything is said of how many of them are new units. */
const SMALLEST_RECENT = 500;
/** At most this share of new units among the recent requests is few: nine requests in ten prove nothing new. */
const FEW = 0.1;
/** Requests of one unit that are too many, as a share of all, and in number. */
const HEAVY_SHARE = 0.05;
const HEAVY_REQUESTS = 100;
/** People look at every warning, so it must practically never be a false one. */
const REQUEST_SPLIT_ALPHA = 0.001;
/** Units of equal size that a variant's requests have to be worth before they are compared; the test is asymptotic. */
const SMALLEST_EFFECTIVE = 30;
const RHO_SQUARED = approximateRhoSquared(REQUEST_SPLIT_ALPHA, 1_000);
/** A smaller difference from the ordered requests, as a share of them, can't matter. */
const SMALLEST_EXCESS = 0.1;

/** What can be said of the units themselves: whether new ones come, whether they have names, whether one is too large, and whether they come back alike. */
export function unitsHealth(
  evidence: Evidence,
  draws: Draws,
): Pick<AnalysisHealth, 'newUnits' | 'unitIds' | 'requestSplit'> {
  return { newUnits: newUnits(evidence), unitIds: unitIds(evidence), requestSplit: requestSplit(draws) };
}

function newUnits({ newcomers }: Evidence): NonNullable<AnalysisHealth['newUnits']> {
  const { requests, newUnits: units, firstAtMs, lastAtMs } = recentArrivals(newcomers);
  const share = requests === 0 ? null : units / requests;
  const seconds = firstAtMs === null || lastAtMs === null ? null : (lastAtMs - firstAtMs) / 1000;
  return { status: statusOf(), requests, newUnits: units, share, seconds };

  function statusOf(): NonNullable<AnalysisHealth['newUnits']>['status'] {
    if (share === null || requests < SMALLEST_RECENT) return 'not-enough-data';
    if (units === 0) return 'none';
    return share <= FEW ? 'few' : 'ok';
  }
}

function unitIds({ namelessRequests, units, heavyUnits }: Evidence): NonNullable<AnalysisHealth['unitIds']> {
  const heaviest = heaviestUnit(heavyUnits);
  const share = heaviest === null ? 0 : heaviest.requests / heavyUnits.requests;
  return {
    nameless: namelessRequests,
    beyondMemory: units.refused,
    heaviest:
      heaviest !== null && heaviest.requests > HEAVY_REQUESTS && share > HEAVY_SHARE ? { ...heaviest, share } : null,
  };
}

/**
 * Are there as many requests of each variant as were ordered? Under "a unit comes equally often whatever its variant" a variant of
 * weight w has w·Σn requests on average, n being the requests of a unit, with the variance w(1 − w)·Σn², since units are drawn, not requests.
 */
function requestSplit({ variants, requests, squaredRequests }: Draws): NonNullable<AnalysisHealth['requestSplit']> {
  const observed: Record<string, number> = {};
  const expected: Record<string, number> = {};
  let lnE = 0;
  let status: NonNullable<AnalysisHealth['requestSplit']>['status'] = 'not-enough-data';
  for (const [variant, of] of variants) {
    const { expectedRequests: ordered, variance } = of;
    observed[variant] = of.requests;
    expected[variant] = ordered;
    // Units of equal size that these requests are worth: (Σn)² ÷ Σn² of all, times the variant's share.
    const effective = squaredRequests === 0 ? 0 : (ordered * requests) / squaredRequests;
    if (effective < SMALLEST_EFFECTIVE || variance === 0) continue;
    const excess = of.requests - ordered;
    const found = asymptoticLnE(excess, Math.sqrt(variance), (requests * requests) / squaredRequests, RHO_SQUARED);
    lnE = Math.max(lnE, found);
    if (status === 'not-enough-data') status = 'ok';
    if (rejects(found, REQUEST_SPLIT_ALPHA) && Math.abs(excess) >= SMALLEST_EXCESS * ordered) status = 'unequal';
  }
  return { status, lnE, observed, expected };
}
