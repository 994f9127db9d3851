import { type Arm, initialTilt, lnEDifferent, type Tilt } from '#libs/statistics';
import { type CountSeries, decodeSeries, encodeSeries } from './count-series.js';
import { addCounts, candidateShare, count, type Traffic } from './traffic.js';

/** Seconds a report or a score may take before it counts as missing. */
export const SCORE_GRACE_S = 15;
/** Seconds that are kept apart as well. Longer than the grace, so that partitions can lag. */
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
  /** Of all seconds: epoch and variant → units. */
  readonly all: Map<string, number>;
  /** The same of each of the newest seconds: second → (epoch and variant → units). */
  readonly recent: Map<number, Map<string, number>>;
  newest: number;
}

export function initialCoverage(): Coverage {
  return { answered: initialCounts(), generated: initialCounts(), scored: initialCounts() };
}

export function countCoverage(counts: SecondCounts, epoch: number, variant: string, assignedAtMs: number): void {
  const second = Math.floor(assignedAtMs / 1000);
  const key = keyOf(epoch, variant);
  count(counts.all, key);
  if (second <= counts.newest - KEPT_S) return;
  let bucket = counts.recent.get(second);
  if (bucket === undefined) {
    bucket = new Map();
    counts.recent.set(second, bucket);
  }
  count(bucket, key);
  if (second > counts.newest) dropOld(counts, second);
}

/** Makes a second the newest one. Those that go are as many as time has passed, or all there are. */
function dropOld(counts: SecondCounts, newest: number): void {
  const { recent } = counts;
  const kept = newest - KEPT_S;
  const before = counts.newest - KEPT_S;
  counts.newest = newest;
  if (kept - before < KEPT_S) for (let old = before + 1; old <= kept; old++) recent.delete(old);
  else for (const old of recent.keys()) if (old <= kept) recent.delete(old);
}

/** For reading only: of the seconds there remain those that are too new to be judged, now and in whatever it is merged with. */
export function mergeCoverage(a: Coverage, b: Coverage): Coverage {
  const judged = lastJudged(Math.max(a.answered.newest, b.answered.newest));
  return {
    answered: mergeCounts(a.answered, b.answered, judged),
    generated: mergeCounts(a.generated, b.generated, judged),
    scored: mergeCounts(a.scored, b.scored, judged),
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
export function readCoverage(
  coverage: Coverage,
  what: Covered,
  { control, candidate }: Readonly<Record<Arm, string>>,
  propensityOf: (epoch: number) => number,
): CoverageReading {
  const { answered } = coverage;
  const judged = lastJudged(answered.newest);
  const answers = upTo(answered, judged);
  const covered = upTo(coverage[what], judged);
  const missing: Tilt = initialTilt();
  const totals = { answered: { control: 0, candidate: 0 }, covered: { control: 0, candidate: 0 } };
  for (const [key, units] of answers) {
    const { epoch, variant } = partsOf(key);
    const arm: Arm | null = variant === control ? 'control' : variant === candidate ? 'candidate' : null;
    if (arm === null || units === 0) continue;
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
  return { all: new Map(), recent: new Map(), newest: 0 };
}

/** The newest second whose requests are old enough to have been reported and scored. */
function lastJudged(newestAnswered: number): number {
  return newestAnswered - SCORE_GRACE_S;
}

function upTo({ all, recent }: SecondCounts, last: number): Map<string, number> {
  const units = new Map(all);
  for (const [second, bucket] of recent) {
    if (second <= last) continue;
    for (const [key, tooNew] of bucket) units.set(key, (units.get(key) as number) - tooNew);
  }
  return units;
}

function mergeCounts(a: SecondCounts, b: SecondCounts, judged: number): SecondCounts {
  const recent = new Map<number, Map<string, number>>();
  for (const counts of [a, b]) {
    for (const [second, bucket] of counts.recent) {
      if (second <= judged) continue;
      const known = recent.get(second);
      recent.set(second, known ? addCounts(known, bucket) : bucket);
    }
  }
  // Most parts hear of one side alone.
  const all = a.all.size === 0 ? b.all : b.all.size === 0 ? a.all : addCounts(a.all, b.all);
  return { all, recent, newest: Math.max(a.newest, b.newest) };
}

/** The key of each variant that was made last: one allocation follows another for thousands of events. */
const lastKeys = new Map<string, { readonly epoch: number; readonly key: string }>();
const MOST_LAST_KEYS = 64;

function keyOf(epoch: number, variant: string): string {
  const last = lastKeys.get(variant);
  if (last?.epoch === epoch) return last.key;
  const key = `${epoch} ${variant}`;
  if (lastKeys.size >= MOST_LAST_KEYS) lastKeys.clear();
  lastKeys.set(variant, { epoch, key });
  return key;
}

function partsOf(key: string): { readonly epoch: number; readonly variant: string } {
  const space = key.indexOf(' ');
  return { epoch: Number(key.slice(0, space)), variant: key.slice(space + 1) };
}

type EncodedCounts = {
  readonly all: readonly (readonly [string, number])[];
  /** By epoch and variant, in their order. */
  readonly recent: readonly (readonly [string, CountSeries])[];
  readonly newest: number;
};

export type EncodedCoverage = { readonly [Side in keyof Coverage]: EncodedCounts };

export function encodeCoverage({ answered, generated, scored }: Coverage): EncodedCoverage {
  return { answered: encodeCounts(answered), generated: encodeCounts(generated), scored: encodeCounts(scored) };
}

export function decodeCoverage({ answered, generated, scored }: EncodedCoverage): Coverage {
  return { answered: decodeCounts(answered), generated: decodeCounts(generated), scored: decodeCounts(scored) };
}

function encodeCounts({ all, recent, newest }: SecondCounts): EncodedCounts {
  const byKey = new Map<string, Map<number, number>>();
  for (const [second, bucket] of recent) {
    for (const [key, units] of bucket) {
      const known = byKey.get(key);
      if (known) known.set(second, units);
      else byKey.set(key, new Map([[second, units]]));
    }
  }
  const series = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
  return { all: [...all], recent: series.map(([key, counts]) => [key, encodeSeries(counts)] as const), newest };
}

function decodeCounts({ all, recent, newest }: EncodedCounts): SecondCounts {
  const counts: SecondCounts = { all: new Map(all), recent: new Map(), newest };
  for (const [key, series] of recent) {
    for (const [second, units] of decodeSeries(series)) {
      const known = counts.recent.get(second);
      if (known) known.set(key, units);
      else counts.recent.set(second, new Map([[key, units]]));
    }
  }
  return counts;
}
