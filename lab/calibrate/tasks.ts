import type { Behaviour } from '#libs/testing/traffic';
import { simulationRandom } from '#libs/testing/random';
import { realTrafficRows } from './real-traffic/index.js';
import { allCells, type Cell, cellId } from './cells.js';
import { type CellResult, type Extent, extentOf, hash, PEER_EVENTS, runCell } from './run-cell.js';
import { candidates, type Ending, playPeers, playWholeRule } from './whole-rule.js';

/** A candidate that is played by the whole rule, and by the peers' rules. */
export interface CanaryTask {
  readonly kind: 'canary';
  readonly candidate: string;
  /** The candidate's share at the start. */
  readonly fromPpm: number;
}

/** A situation of real traffic, by its name among the `realTrafficRows`. */
export interface RealTrafficTask {
  readonly kind: 'real-traffic';
  readonly name: string;
}

export type Task = Cell | CanaryTask | RealTrafficTask;

/** How a rule's canaries ended. Requests and exposure: medians and means over the runs. */
export interface RuleResult {
  readonly rule: string;
  readonly runs: number;
  readonly promoted: number;
  readonly rolledBack: number;
  readonly requests: { readonly median: number; readonly mean: number };
  readonly exposed: { readonly median: number; readonly mean: number };
}

export interface CanaryResult {
  readonly id: string;
  readonly seconds: number;
  readonly rules: readonly RuleResult[];
}

/** How many runs took each of the decisions that are wrong in the situation. */
export interface RealTrafficResult {
  readonly id: string;
  readonly runs: number;
  readonly requests: number;
  readonly seconds: number;
  readonly wrong: Readonly<Record<string, number>>;
}

export type TaskResult = CellResult | CanaryResult | RealTrafficResult;

export const OUR_RULE = 'Teststrip';
export const START_PPM: readonly number[] = [10_000, 50_000];

/** A canary takes up to 80,000 requests: a tenth of a cell's runs, and a fortieth for the peers, whose rules are dear. */
const RUNS_PER_CANARY = 10;
const RUNS_PER_PEERS_CANARY = 40;

/** Everything that is simulated, long tasks first, so that no worker is left alone with one at the end. */
export function allTasks(): readonly Task[] {
  const canaries = Object.keys(candidates).flatMap((candidate) =>
    START_PPM.map((fromPpm): CanaryTask => ({ kind: 'canary', candidate, fromPpm })),
  );
  return [...canaries, ...allRealTraffic(), ...allCells()];
}

export function allRealTraffic(): readonly RealTrafficTask[] {
  return realTrafficRows.map(({ name }) => ({ kind: 'real-traffic', name }));
}

export function taskId(task: Task): string {
  if (task.kind === 'real-traffic') return `real-traffic/${task.name}`;
  return task.kind === 'canary' ? `canary/${task.candidate}/from ${task.fromPpm / 10_000} %` : cellId(task);
}

/** How long a task takes compared with others, roughly: events simulated, weighted by what they cost. */
export function workOf(task: Task, whole: Extent): number {
  if (task.kind === 'canary')
    return (whole.runs / RUNS_PER_CANARY) * 30_000 + (whole.runs / RUNS_PER_PEERS_CANARY) * 80_000;
  // Events are built and folded one by one.
  if (task.kind === 'real-traffic') return whole.runs * whole.events * 20;
  const { runs, events } = extentOf(task, whole);
  if (task.kind !== 'metric') return runs * events * 0.5;
  const perEvent = task.contest === 'peers' || task.truth === 'no-effect' ? 1.2 : 0.7;
  return runs * Math.min(events, PEER_EVENTS) * (task.isClustered && task.contest === 'ours' ? perEvent / 2 : perEvent);
}

/** Runs a task. A function of the task and the extent only, but for the seconds that it took. */
export function runTask(task: Task, whole: Extent): TaskResult {
  if (task.kind === 'real-traffic') return runRealTraffic(task, whole);
  return task.kind === 'canary' ? runCanaries(task, whole) : runCell(task, whole);
}

function runRealTraffic(task: RealTrafficTask, { seed, runs, events }: Extent): RealTrafficResult {
  const startedAt = performance.now();
  const row = realTrafficRows.find(({ name }) => name === task.name);
  if (!row) throw new RangeError(`no situation of real traffic "${task.name}"`);
  const wrong: Record<string, number> = {};
  for (let run = 0; run < runs; run++) {
    const taken = row.run(events, simulationRandom(hash(`${seed}/${taskId(task)}/${run}`)));
    for (const [decision, isTaken] of Object.entries(taken)) {
      wrong[decision] = (wrong[decision] ?? 0) + Number(isTaken);
    }
  }
  return {
    id: taskId(task),
    runs,
    requests: events,
    seconds: Math.round((performance.now() - startedAt) / 10) / 100,
    wrong,
  };
}

function runCanaries(task: CanaryTask, { seed, runs }: Extent): CanaryResult {
  const startedAt = performance.now();
  const candidate = candidates[task.candidate] as Behaviour;
  const endings = new Map<string, Ending[]>();
  const note = (rule: string, ending: Ending): void => {
    endings.set(rule, [...(endings.get(rule) ?? []), ending]);
  };
  for (let run = 0; run < Math.ceil(runs / RUNS_PER_CANARY); run++) {
    const canary = { seed: hash(`${seed}/${taskId(task)}/${run}`), fromPpm: task.fromPpm, candidate };
    note(OUR_RULE, playWholeRule(canary));
    if (run >= Math.ceil(runs / RUNS_PER_PEERS_CANARY)) continue;
    for (const [rule, ending] of playPeers(canary)) note(rule, ending);
  }
  return {
    id: taskId(task),
    seconds: Math.round((performance.now() - startedAt) / 10) / 100,
    rules: [...endings].map(([rule, all]) => ({
      rule,
      runs: all.length,
      promoted: all.filter(({ outcome }) => outcome === 'promoted').length,
      rolledBack: all.filter(({ outcome }) => outcome === 'rolled-back').length,
      requests: centre(all.map(({ requests }) => requests)),
      exposed: centre(all.map(({ exposed }) => exposed)),
    })),
  };
}

function centre(values: readonly number[]): { readonly median: number; readonly mean: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: sorted[Math.floor((sorted.length - 1) / 2)] as number,
    mean: Math.round(sorted.reduce((sum, value) => sum + value, 0) / sorted.length),
  };
}
