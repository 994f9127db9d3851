import { type Arm, initialTilt, isRandomised, lnEDifferent, type Tilt } from '#libs/statistics';
import { type CountSeries, decodeSeries, encodeSeries } from './count-series.js';
import { addCounts, count, shareBefore, type Traffic } from './traffic.js';

/** Seconds a report or a score may take before it counts as missing. */
export const SCORE_GRACE_S = 15;
/** Seconds that are kept apart as well. Longer than the grace, so that partitions can lag. */
const KEPT_S = 300;

/**
 * How many units were answered, how many generations were reported, and how many got a score, by the second their request was assigned in,
 * per candidate, side and propensity. They come on different topics, at different times, and none knows of the others; counting all under the
 * request's own second makes the difference the missing ones, whatever order the events arrived in.
 *
 * Of all seconds propensities that are nearly the same are counted together, with their sum, so that there are no more cells than {@link classOf} has
 * classes however often the shares change. Which they are follows from the propensity alone: all topics and partitions have the same.
 */
export interface Coverage {
  readonly answered: SecondCounts;
  readonly generated: SecondCounts;
  readonly scored: SecondCounts;
}

/** What an answered unit should have. */
export type Covered = 'generated' | 'scored';

interface SecondCounts {
  /** Of all seconds, by class of propensities, side and candidate. */
  readonly all: Map<string, Cell>;
  /** Units of each of the newest seconds, by propensity, side and candidate. */
  readonly recent: Map<number, Map<string, number>>;
  newest: number;
}

/** Units, and the sum of their propensities in thousand millionths: whole numbers, which add up exactly. */
interface Cell {
  units: number;
  propensities: number;
}

/** On which side of a pair a unit is. */
interface CoveredSide {
  readonly candidate: string;
  readonly arm: Arm;
  /** Candidate's probability within the pair. */
  readonly propensity: number;
}

export function initialCoverage(): Coverage {
  return { answered: initialCounts(), generated: initialCounts(), scored: initialCounts() };
}

export function countCoverage(counts: SecondCounts, side: CoveredSide, assignedAtMs: number): void {
  const second = Math.floor(assignedAtMs / 1000);
  const keys = keysOf(side);
  addTo(counts.all, keys.all, 1, keys.propensity);
  if (second <= counts.newest - KEPT_S) return;
  let bucket = counts.recent.get(second);
  if (bucket === undefined) {
    bucket = new Map();
    counts.recent.set(second, bucket);
  }
  count(bucket, keys.recent);
  if (second > counts.newest) dropOld(counts, second);
}

function addTo(cells: Map<string, Cell>, key: string, units: number, propensities: number): void {
  const cell = cells.get(key);
  if (cell === undefined) {
    cells.set(key, { units, propensities });
    return;
  }
  cell.units += units;
  cell.propensities += propensities;
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

/** For reading only: of the seconds there remain at least those that are too new to be judged, now and in whatever it is merged with. */
export function mergeCoverage(a: Coverage, b: Coverage): Coverage {
  const judged = lastJudged(Math.max(a.answered.newest, b.answered.newest));
  return {
    answered: mergeCounts(a.answered, b.answered, judged),
    generated: mergeCounts(a.generated, b.generated, judged),
    scored: mergeCounts(a.scored, b.scored, judged),
  };
}

/** For reading only: without what belongs to requests that were assigned after that time, for where not all of it has been folded yet. */
export function coverageUntil({ answered, generated, scored }: Coverage, untilMs: number): Coverage {
  const last = Math.floor(untilMs / 1_000);
  return {
    answered: countsUntil(answered, last),
    generated: countsUntil(generated, last),
    scored: countsUntil(scored, last),
  };
}

function countsUntil(counts: SecondCounts, last: number): SecondCounts {
  if (counts.newest <= last) return counts;
  const all = copyOf(counts.all);
  const recent = new Map(counts.recent);
  for (const [second, bucket] of counts.recent) {
    if (second <= last) continue;
    recent.delete(second);
    for (const [key, units] of bucket) {
      const { of, propensity } = wholeKeyOf(key);
      addTo(all, of, -units, -units * propensity);
    }
  }
  return { all, recent, newest: last };
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
    const propensityOf = (epoch: number): number => shareBefore(traffic, epoch, control, candidate);
    const reading = readCoverage(coverage, what, { control, candidate, propensityOf });
    known[what].set(candidate, reading);
    return reading;
  };
}

/** Whose coverage is read. */
interface CoveredPair {
  readonly control: string;
  readonly candidate: string;
  /** Candidate's probability within the pair under an epoch: of what was counted by epochs, as all was before. */
  readonly propensityOf: (epoch: number) => number;
  /** The probability for all, whatever was counted; absent: what was counted. */
  readonly given?: number;
}

/**
 * Coverage of a pair among the units whose requests are old enough to have been reported or scored. The test is the tilt on "missing":
 * counts per propensity are all it needs. Where several propensities of a class were counted together it takes their mean among the missing units. Its
 * ln E is convex in the propensity, so that it is at most what it would be for each by itself.
 * @param what of which the answered ones may be without.
 */
export function readCoverage(coverage: Coverage, what: Covered, pair: CoveredPair): CoverageReading {
  const { answered } = coverage;
  const judged = lastJudged(answered.newest);
  const answers = upTo(answered, judged, pair);
  const found = upTo(coverage[what], judged, pair);
  const missing: Tilt = initialTilt();
  const totals = { answered: { control: 0, candidate: 0 }, covered: { control: 0, candidate: 0 } };
  for (const [of, cells] of answers) {
    const lost = { control: 0, candidate: 0 };
    let propensities = 0;
    for (const arm of ARMS) {
      const { units } = cells[arm];
      const known = found.get(of)?.[arm];
      const covered = Math.min(units, known?.units ?? 0);
      totals.answered[arm] += units;
      totals.covered[arm] += covered;
      lost[arm] = units - covered;
      propensities += Math.max(0, cells[arm].propensities - (known?.propensities ?? 0));
    }
    const all = lost.control + lost.candidate;
    if (all === 0) continue;
    const propensity = pair.given ?? withinClass(of, propensities / all / UNIT);
    if (!isRandomised(propensity)) continue;
    const cell = missing.hits.at(propensity, () => ({ control: 0, candidate: 0 }));
    for (const arm of ARMS) cell[arm] += lost[arm];
  }
  return { ...totals, lnE: lnEDifferent(missing, 0) };
}

const ARMS: readonly Arm[] = ['control', 'candidate'];

function initialCounts(): SecondCounts {
  return { all: new Map(), recent: new Map(), newest: 0 };
}

/** The newest second whose requests are old enough to have been reported and scored. */
function lastJudged(newestAnswered: number): number {
  return newestAnswered - SCORE_GRACE_S;
}

/** Units of a pair assigned until a second, by class of propensities and side. */
function upTo({ all, recent }: SecondCounts, last: number, pair: CoveredPair): ReadonlyMap<number, Record<Arm, Cell>> {
  const classes = new Map<number, Record<Arm, Cell>>();
  for (const [key, { units, propensities }] of all) {
    const place = placeOf(key, pair);
    if (place !== null) add(place, units, place.propensity === null ? propensities : units * place.propensity);
  }
  for (const [second, bucket] of recent) {
    if (second <= last) continue;
    for (const [key, tooNew] of bucket) {
      const place = placeOf(key, pair);
      if (place?.propensity != null) add(place, -tooNew, -tooNew * place.propensity);
    }
  }
  return classes;

  function add({ of, arm }: Place, units: number, propensities: number): void {
    let cells = classes.get(of);
    if (cells === undefined) {
      cells = { control: { units: 0, propensities: 0 }, candidate: { units: 0, propensities: 0 } };
      classes.set(of, cells);
    }
    cells[arm].units += units;
    cells[arm].propensities += propensities;
  }
}

function mergeCounts(a: SecondCounts, b: SecondCounts, judged: number): SecondCounts {
  // Most parts hear of one side alone.
  if (b.all.size === 0) return a;
  if (a.all.size === 0) return b;
  const recent = new Map<number, Map<string, number>>();
  for (const counts of [a, b]) {
    // Of three hundred seconds these are the last few.
    for (let second = Math.max(judged, counts.newest - KEPT_S) + 1; second <= counts.newest; second++) {
      const bucket = counts.recent.get(second);
      if (bucket === undefined) continue;
      const known = recent.get(second);
      recent.set(second, known ? addCounts(known, bucket) : bucket);
    }
  }
  return { all: mergeCells(a.all, b.all), recent, newest: Math.max(a.newest, b.newest) };
}

function mergeCells(a: SecondCounts['all'], b: SecondCounts['all']): SecondCounts['all'] {
  const merged = copyOf(a);
  for (const [key, { units, propensities }] of b) addTo(merged, key, units, propensities);
  return merged;
}

function copyOf(cells: SecondCounts['all']): SecondCounts['all'] {
  return new Map([...cells].map(([key, cell]) => [key, { ...cell }]));
}

/** Propensities are whole numbers of these. */
const UNIT = 1e9;
/** Classes per unit of the log odds: the propensities of one differ by a quarter at most. */
const CLASSES = 4;
/** Beyond these odds, one in a million, all are one class. */
const FURTHEST = 14 * CLASSES;

/** From −57 (the candidate has nothing) to 57 (it has everything). */
function classOf(propensity: number): number {
  if (!isRandomised(propensity)) return propensity > 0 ? FURTHEST + 1 : -FURTHEST - 1;
  const place = Math.round(CLASSES * Math.log(propensity / (1 - propensity)));
  return Math.min(FURTHEST, Math.max(-FURTHEST, place));
}

/** A mean that counts of several topics make, which may be a little before each other, is one of its class. */
function withinClass(of: number, propensity: number): number {
  const [low, high] = [probabilityAt((of - 0.5) / CLASSES), probabilityAt((of + 0.5) / CLASSES)];
  if (Math.abs(of) >= FURTHEST) return propensity;
  return Math.min(high, Math.max(low, propensity));
}

function probabilityAt(lnOdds: number): number {
  return 1 / (1 + Math.exp(-lnOdds));
}

interface Keys {
  readonly propensity: number;
  readonly all: string;
  readonly recent: string;
}

/** The keys of each side that were made last: one allocation follows another for thousands of events. */
const lastKeys = new Map<string, Record<Arm, (Keys & { readonly of: number }) | null>>();
const MOST_LAST_KEYS = 64;

function keysOf({ candidate, arm, propensity }: CoveredSide): Keys {
  let ofCandidate = lastKeys.get(candidate);
  if (ofCandidate === undefined) {
    if (lastKeys.size >= MOST_LAST_KEYS) lastKeys.clear();
    ofCandidate = { control: null, candidate: null };
    lastKeys.set(candidate, ofCandidate);
  }
  const last = ofCandidate[arm];
  if (last?.of === propensity) return last;
  const whole = Math.round(propensity * UNIT);
  const made = {
    of: propensity,
    propensity: whole,
    all: `${CLASS}${classOf(whole / UNIT)} ${arm} ${candidate}`,
    recent: `${whole} ${arm} ${candidate}`,
  };
  ofCandidate[arm] = made;
  return made;
}

/** Under which key the units of a second are among those of all seconds, and what each adds to the sum there. Keys of before are the same in both. */
function wholeKeyOf(key: string): { readonly of: string; readonly propensity: number } {
  const [first = '', second = '', third] = key.split(' ');
  if (third === undefined) return { of: key, propensity: 0 };
  const propensity = Number(first);
  return { of: `${CLASS}${classOf(propensity / UNIT)} ${second} ${third}`, propensity };
}

/** Begins the key of a class, where that of a propensity has its number. */
const CLASS = 'class';

interface Place {
  readonly of: number;
  readonly arm: Arm;
  /** Of each unit, in {@link UNIT}s; null: the cell has their sum. */
  readonly propensity: number | null;
}

/** Of a pair; null: the key is of another one. Keys of before are an epoch and a variant. */
function placeOf(key: string, { control, candidate, propensityOf }: CoveredPair): Place | null {
  const [first = '', second = '', third] = key.split(' ');
  if (third === undefined) {
    if (second !== control && second !== candidate) return null;
    const propensity = propensityOf(Number(first));
    return {
      of: classOf(propensity),
      arm: second === control ? 'control' : 'candidate',
      propensity: propensity * UNIT,
    };
  }
  if (third !== candidate) return null;
  const arm = second as Arm;
  if (first.startsWith(CLASS)) return { of: Number(first.slice(CLASS.length)), arm, propensity: null };
  const propensity = Number(first);
  return { of: classOf(propensity / UNIT), arm, propensity };
}

type EncodedCounts = {
  /** The sum of propensities is absent of what was counted by epochs. */
  readonly all: readonly (readonly [key: string, units: number, propensities?: number])[];
  /** In the keys' order. */
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
  return {
    all: [...all].map(([key, { units, propensities }]) => [key, units, propensities] as const),
    recent: series.map(([key, counts]) => [key, encodeSeries(counts)] as const),
    newest,
  };
}

function decodeCounts({ all, recent, newest }: EncodedCounts): SecondCounts {
  const cells = all.map(([key, units, propensities = 0]) => [key, { units, propensities }] as const);
  const counts: SecondCounts = { all: new Map(cells), recent: new Map(), newest };
  for (const [key, series] of recent) {
    for (const [second, units] of decodeSeries(series)) {
      const known = counts.recent.get(second);
      if (known) known.set(key, units);
      else counts.recent.set(second, new Map([[key, units]]));
    }
  }
  return counts;
}
