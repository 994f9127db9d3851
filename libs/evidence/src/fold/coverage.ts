import { type Arm, initialTilt, lnEDifferent, type Tilt } from '#libs/statistics';
import { addCounts, addTo, candidateShare, count, type Traffic } from './traffic.js';

/** Seconds a report or a score may take before it counts as missing. */
export const SCORE_GRACE_S = 15;
/** Seconds that are kept apart; older ones are added up. Longer than the grace, so that partitions can lag. */
const KEPT_S = 300;

/**
 * How many units were answered, how many generations were reported, and how many got a score, by the second their request was assigned in,
 * per allocation and variant. They come on different topics, at different times, and none knows of the others; counting all under the
 * request's own second makes the difference the missing ones, whatever order the events arrived in.
 */
export interface Coverage {
  /** Key: second, allocation, variant (see {@link keyOf}). */
  readonly answered: SecondCounts;
  readonly generated: SecondCounts;
  readonly scored: SecondCounts;
}

/** What an answered unit should have. */
export type Covered = 'generated' | 'scored';

interface SecondCounts {
  /** second → (epoch and variant → units). */
  readonly recent: Map<number, Map<string, number>>;
  readonly old: Map<string, number>;
  newest: number;
}

export function initialCoverage(): Coverage {
  return { answered: initialCounts(), generated: initialCounts(), scored: initialCounts() };
}

export function countCoverage(counts: SecondCounts, epoch: number, variant: string, assignedAtMs: number): void {
  const second = Math.floor(assignedAtMs / 1000);
  const key = keyOf(epoch, variant);
  if (second <= counts.newest - KEPT_S) {
    count(counts.old, key);
    return;
  }
  const bucket = counts.recent.get(second) ?? new Map<string, number>();
  count(bucket, key);
  counts.recent.set(second, bucket);
  if (second > counts.newest) {
    counts.newest = second;
    retire(counts);
  }
}

export function mergeCoverage(a: Coverage, b: Coverage): Coverage {
  return {
    answered: mergeCounts(a.answered, b.answered),
    generated: mergeCounts(a.generated, b.generated),
    scored: mergeCounts(a.scored, b.scored),
  };
}

export interface CoverageReading {
  readonly answered: Readonly<Record<Arm, number>>;
  readonly covered: Readonly<Record<Arm, number>>;
  /** ln E against "what is missing is missing equally often in both variants". */
  readonly lnE: number;
}

/** What is known of a candidate's pair; read once, whoever asks. */
export type CoverageReader = (candidate: string, what: Covered) => CoverageReading;

export function coverageReader(
  { coverage, traffic }: { readonly coverage: Coverage; readonly traffic: Traffic },
  control: string,
): CoverageReader {
  const known = { generated: new Map<string, CoverageReading>(), scored: new Map<string, CoverageReading>() };
  return (candidate, what) => {
    const found = known[what].get(candidate);
    if (found) return found;
    const share = (epoch: number): number => candidateShare(traffic, epoch, control, candidate);
    const reading = readCoverage(coverage, what, { control, candidate }, share);
    known[what].set(candidate, reading);
    return reading;
  };
}

/**
 * Coverage of a pair among the units whose requests are old enough to have been reported or scored. The test is the tilt on "missing":
 * counts per propensity are all it needs.
 * @param what of which the answered ones may be without.
 * @param propensityOf candidate's probability within the pair under an epoch.
 */
function readCoverage(
  coverage: Coverage,
  what: Covered,
  { control, candidate }: Readonly<Record<Arm, string>>,
  propensityOf: (epoch: number) => number,
): CoverageReading {
  const { answered } = coverage;
  const cut = answered.newest - SCORE_GRACE_S;
  const answers = upTo(answered, cut);
  const covered = upTo(coverage[what], cut);
  const missing: Tilt = initialTilt();
  const totals = { answered: { control: 0, candidate: 0 }, covered: { control: 0, candidate: 0 } };
  for (const [key, units] of answers) {
    const { epoch, variant } = partsOf(key);
    const arm: Arm | null = variant === control ? 'control' : variant === candidate ? 'candidate' : null;
    if (arm === null) continue;
    const found = Math.min(units, covered.get(key) ?? 0);
    totals.answered[arm] += units;
    totals.covered[arm] += found;
    const propensity = propensityOf(epoch);
    if (!(propensity > 0 && propensity < 1)) continue;
    const cell = missing.hits.get(propensity) ?? { control: 0, candidate: 0 };
    cell[arm] += units - found;
    missing.hits.set(propensity, cell);
  }
  return { ...totals, lnE: lnEDifferent(missing, 0) };
}

function initialCounts(): SecondCounts {
  return { recent: new Map(), old: new Map(), newest: 0 };
}

function retire(counts: SecondCounts): void {
  for (const [second, bucket] of counts.recent) {
    if (second > counts.newest - KEPT_S) continue;
    addTo(counts.old, bucket);
    counts.recent.delete(second);
  }
}

function upTo(counts: SecondCounts, cut: number): Map<string, number> {
  const sum = new Map(counts.old);
  for (const [second, bucket] of counts.recent) if (second <= cut) addTo(sum, bucket);
  return sum;
}

/** For reading only: seconds that one part alone knows of stay that part's. */
function mergeCounts(a: SecondCounts, b: SecondCounts): SecondCounts {
  const recent = new Map(a.recent);
  for (const [second, bucket] of b.recent) {
    const known = recent.get(second);
    recent.set(second, known ? addCounts(known, bucket) : bucket);
  }
  return { recent, old: addCounts(a.old, b.old), newest: Math.max(a.newest, b.newest) };
}

function keyOf(epoch: number, variant: string): string {
  return `${epoch} ${variant}`;
}

function partsOf(key: string): { readonly epoch: number; readonly variant: string } {
  const space = key.indexOf(' ');
  return { epoch: Number(key.slice(0, space)), variant: key.slice(space + 1) };
}

type EncodedCounts = {
  readonly recent: readonly (readonly [number, readonly (readonly [string, number])[]])[];
  readonly old: readonly (readonly [string, number])[];
  readonly newest: number;
};

export type EncodedCoverage = { readonly [Side in keyof Coverage]: EncodedCounts };

export function encodeCoverage({ answered, generated, scored }: Coverage): EncodedCoverage {
  return { answered: encodeCounts(answered), generated: encodeCounts(generated), scored: encodeCounts(scored) };
}

export function decodeCoverage({ answered, generated, scored }: EncodedCoverage): Coverage {
  return { answered: decodeCounts(answered), generated: decodeCounts(generated), scored: decodeCounts(scored) };
}

function encodeCounts({ recent, old, newest }: SecondCounts): EncodedCounts {
  return { recent: [...recent].map(([second, bucket]) => [second, [...bucket]] as const), old: [...old], newest };
}

function decodeCounts({ recent, old, newest }: EncodedCounts): SecondCounts {
  return { recent: new Map(recent.map(([second, bucket]) => [second, new Map(bucket)])), old: new Map(old), newest };
}
