import { lnESampleRatio, nestedRanges, rejects } from '#libs/statistics';
import { peerRules } from '#lab/peers';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { type Cell, cellId, type MetricCell, shareAt, type SplitCell } from './cells.js';
import {
  BadEventContender,
  type CalibratedContender,
  LowerTailContender,
  MeanContender,
  PeerContender,
  RateContender,
  ShiftContender,
  ShownIntervalContender,
  UpperTailContender,
  type ContenderVerdict,
} from './contenders.js';
import { runDesign } from './designs.js';
import { meaningOf, methods } from './methods.js';
import type { WideningBounds } from './settling-bounds.js';
import { valueShapes } from './shapes.js';
import { BOUNDARY_FACTOR, BOUNDARY_RATIO, MetricTraffic, type TrafficPlan } from './traffic.js';

export const ALPHA = 0.05;
const THRESHOLD = -Math.log(ALPHA);
/** A mismatch of the split must practically never be a false alarm. */
export const SPLIT_ALPHA = 0.001;

/** Units of control that fix relative margins and the bounds of betting; they are not judged. */
const BASELINE_UNITS = 250;
/** As the rate method has it. */
const USUAL_RATE = 0.01;
/** The hour that the peers' rules are built for. */
export const PEER_EVENTS = 30_000;

/** How often and how soon something was decided. Events are counted over all runs, those without a decision at the run's length. */
export interface Decided {
  readonly count: number;
  /** Null when fewer than half of the runs decided. */
  readonly medianEvents: number | null;
  readonly meanEvents: number;
}

export interface MethodResult {
  readonly method: string;
  /** Null where the decision has no meaning in this cell. */
  readonly harmful: Decided | null;
  readonly nonInferior: Decided | null;
}

export interface CellResult {
  readonly id: string;
  readonly runs: number;
  readonly events: number;
  readonly seconds: number;
  readonly methods: readonly MethodResult[];
}

export interface Extent {
  readonly seed: number;
  readonly runs: number;
  readonly events: number;
}

/** Runs of a cell and their length. Peers' cells are three times as long; their rates are large, so a fifth of the runs tells them. */
export function extentOf(cell: Cell, { seed, runs, events }: Extent): Extent {
  if (cell.kind !== 'metric' || cell.contest === 'ours') return { seed, runs, events };
  return { seed, runs: Math.ceil(runs / (cell.contest === 'peers' ? 5 : 2)), events: PEER_EVENTS };
}

/** Simulates all runs of a cell. A function of the cell, the seed, the number of runs and their length only (but for `seconds`). */
export function runCell(cell: Cell, whole: Extent): CellResult {
  const startedAt = performance.now();
  const extent = extentOf(cell, whole);
  const id = cellId(cell);
  const found = new Map<string, { readonly harmful: number[]; readonly nonInferior: number[] }>();
  for (let run = 0; run < extent.runs; run++) {
    const random = simulationRandom(hash(`${extent.seed}/${id}/${run}`));
    for (const said of runOnce(cell, extent, random)) {
      const times = found.get(said.method) ?? { harmful: [], nonInferior: [] };
      found.set(said.method, times);
      times.harmful.push(said.harmfulAt);
      times.nonInferior.push(said.nonInferiorAt);
    }
  }
  return {
    id,
    runs: extent.runs,
    events: extent.events,
    seconds: Math.round((performance.now() - startedAt) / 10) / 100,
    methods: [...found].map(([method, times]) => {
      const meaning = meaningOf(cell, method);
      return {
        method,
        harmful: meaning.harmful === 'none' ? null : summarise(times.harmful, extent.events),
        nonInferior: meaning.nonInferior === 'none' ? null : summarise(times.nonInferior, extent.events),
      };
    }),
  };
}

function runOnce(cell: Cell, extent: Extent, random: SimulationRandom): readonly ContenderVerdict[] {
  switch (cell.kind) {
    case 'metric':
      return runMetric(cell, extent, random);
    case 'split':
      return runSplit(cell, extent, random);
    case 'design':
      return runDesign(cell, extent.events, random, ALPHA);
    default:
      return cell satisfies never;
  }
}

function runMetric(cell: MetricCell, { events }: Extent, random: SimulationRandom): readonly ContenderVerdict[] {
  const shape = valueShapes[cell.shape];
  const baseline = new Float64Array(BASELINE_UNITS);
  for (let unit = 0; unit < BASELINE_UNITS; unit++) baseline[unit] = shape.control(random.normal(), 0);
  const { mean, spread } = meanAndSpread(baseline);
  const margin = shape.margin.kind === 'absolute' ? shape.margin.value : shape.margin.value * mean;
  const isRate = shape.name === 'binary';
  const bounds = isRate ? { lo: 0, hi: 1, expected: USUAL_RATE } : boundsOf(cell, { mean, spread, margin });
  const plan: TrafficPlan = { ...cell, shape, events, bounds, margin };
  const contenders = [
    ...(cell.contest === 'peers' ? [] : ourContenders(cell, plan, { mean, spread, margin }, baseline)),
    ...(cell.contest === 'ours' ? [] : peerContenders(cell, margin)),
  ];
  const traffic = new MetricTraffic(plan, random);
  let open = contenders.length;
  const isOpen = new Uint8Array(open).fill(1);
  while (traffic.seen.index < events && open > 0) {
    traffic.next();
    for (let index = 0; index < contenders.length; index++) {
      if (isOpen[index] === 0) continue;
      const contender = contenders[index] as CalibratedContender;
      contender.observe(traffic.seen);
      if (!isSettled(contender, cell)) continue;
      isOpen[index] = 0;
      open -= 1;
    }
  }
  return contenders.flatMap(({ verdicts }) => verdicts);
}

/**
 * Where values are clipped at the boundary of the hypotheses: our proof of the margin compares means within the widest of the nested bounds, and within
 * the narrower ones, where harm is looked for as well, the means then differ by no more. The peers' means are clipped nowhere; the boundary within the
 * narrowest bounds is theirs but for a standard error.
 */
function boundsOf({ contest }: MetricCell, { mean, spread, margin }: Baseline): WideningBounds {
  const nested = nestedRanges({ mean, spread }, margin);
  return (contest === 'peers' ? nested[0] : nested.at(-1)) as WideningBounds;
}

interface Baseline {
  readonly mean: number;
  readonly spread: number;
  readonly margin: number;
}

function ourContenders(
  cell: MetricCell,
  { shape, margin }: TrafficPlan,
  usual: Baseline,
  baseline: Float64Array,
): readonly CalibratedContender[] {
  const { truth } = cell;
  const isNull = truth === 'no-effect';
  const atMargin = { method: methods.betting, margin };
  const boundaries = isNull ? [atMargin, { method: methods.bettingAtZero, margin: 0 }] : [atMargin];
  const betting =
    shape.name === 'binary'
      ? new RateContender(boundaries, USUAL_RATE, THRESHOLD)
      : new MeanContender(boundaries, usual, shape.worse, THRESHOLD);
  const tails = tailContenders(cell);
  switch (truth) {
    case 'no-effect': {
      const shown = new ShownIntervalContender(methods.shownInterval, 0, shape.worse, ALPHA);
      // Two laws of different spread or shape are different: nothing to be falsely alarmed about.
      const isRanked = cell.shape === 'lognormal' || cell.shape === 'bounded';
      if (!isRanked || cell.isClustered) return [betting, ...tails, shown];
      return [betting, ...tails, shown, new ShiftContender(methods.shift, baseline.toSorted(), THRESHOLD)];
    }
    case 'at-margin':
      return [betting];
    case 'harm':
      return [betting, ...tails];
    case 'at-rate-ratio':
    case 'at-tail-margin':
    case 'at-lower-tail-ratio':
      return tails;
    default:
      return truth satisfies never;
  }
}

/** The tilt in the form that the shape asks for. */
function tailContenders({ shape, truth }: MetricCell): readonly CalibratedContender[] {
  const isNull = truth === 'no-effect';
  switch (shape) {
    case 'binary': {
      const atMargin = { method: methods.badEvents, ratio: BOUNDARY_RATIO };
      return [
        new BadEventContender(
          isNull ? [atMargin, { method: methods.badEventsAtZero, ratio: 1 }] : [atMargin],
          THRESHOLD,
        ),
      ];
    }
    case 'lognormal': {
      const atMargin = { method: methods.upperTail, margin: BOUNDARY_FACTOR - 1 };
      return [
        new UpperTailContender(
          isNull ? [atMargin, { method: methods.upperTailAtZero, margin: 0 }] : [atMargin],
          THRESHOLD,
        ),
      ];
    }
    case 'bounded': {
      const atMargin = { method: methods.lowerTail, ratio: BOUNDARY_RATIO };
      return [
        new LowerTailContender(
          isNull ? [atMargin, { method: methods.lowerTailAtZero, ratio: 1 }] : [atMargin],
          THRESHOLD,
        ),
      ];
    }
    case 'spread-doubled':
    case 'other-shape':
      return [];
    default:
      return shape satisfies never;
  }
}

function peerContenders({ shape, share }: MetricCell, margin: number): readonly CalibratedContender[] {
  const situation = { share: shareAt(share, 0), margin, worse: valueShapes[shape].worse, alpha: ALPHA };
  return peerRules.map((rule) => new PeerContender(rule.name, rule, situation));
}

/** Whether nothing a contender may still say counts. */
function isSettled({ verdicts }: CalibratedContender, { truth }: MetricCell): boolean {
  for (const { harmfulAt, nonInferiorAt } of verdicts) {
    if (harmfulAt === 0 || (truth !== 'harm' && nonInferiorAt === 0)) return false;
  }
  return true;
}

/** Units arrive one by one; their split is tested after every one, per stage of constant shares, as the health of evidence does. */
function runSplit(cell: SplitCell, { events }: Extent, random: SimulationRandom): readonly ContenderVerdict[] {
  const said: ContenderVerdict = { method: methods.split, harmfulAt: 0, nonInferiorAt: 0 };
  let lnEOfPast = 0;
  let share = 0;
  let counts = [0, 0];
  let shares: readonly number[] = [];
  let lnE = 0;
  for (let index = 1; index <= events; index++) {
    // Only a user's first event counts, so that of several per user most say nothing.
    if (cell.isClustered && random.uniform() * 5 >= 1) continue;
    const now = shareAt(cell.share, (index - 1) / events);
    if (now !== share) {
      lnEOfPast = lnE;
      share = now;
      counts = [0, 0];
      shares = [1 - share, share];
    }
    const odds = cell.truth === 'off' ? (1.3 * share) / (1 - share) : share / (1 - share);
    const arm = random.uniform() * (1 + odds) < odds ? 1 : 0;
    counts[arm] = (counts[arm] as number) + 1;
    lnE = lnEOfPast + lnESampleRatio(counts, shares);
    if (!rejects(lnE, SPLIT_ALPHA)) continue;
    said.harmfulAt = index;
    break;
  }
  return [said];
}

function meanAndSpread(values: Float64Array): { readonly mean: number; readonly spread: number } {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, spread: Math.sqrt(squares / (values.length - 1)) };
}

function summarise(times: readonly number[], events: number): Decided {
  const all = times.map((at) => (at === 0 ? Infinity : at)).sort((a, b) => a - b);
  const median = all[Math.floor((all.length - 1) / 2)] as number;
  return {
    count: times.filter((at) => at > 0).length,
    medianEvents: Number.isFinite(median) ? median : null,
    meanEvents: Math.round(all.reduce((sum, at) => sum + Math.min(at, events), 0) / all.length),
  };
}

/** FNV-1a, 32 bits: a seed for each run of each cell. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
