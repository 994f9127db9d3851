import type { Behaviour } from '#libs/testing/traffic';
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

export type Task = Cell | CanaryTask;

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

export type TaskResult = CellResult | CanaryResult;

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
  return [...canaries, ...allCells()];
}

export function taskId(task: Task): string {
  return task.kind === 'canary' ? `canary/${task.candidate}/from ${task.fromPpm / 10_000} %` : cellId(task);
}

/** How long a task takes compared with others, roughly: events simulated, weighted by what they cost. */
export function workOf(task: Task, whole: Extent): number {
  if (task.kind === 'canary')
    return (whole.runs / RUNS_PER_CANARY) * 30_000 + (whole.runs / RUNS_PER_PEERS_CANARY) * 80_000;
  const { runs, events } = extentOf(task, whole);
  if (task.kind !== 'metric') return runs * events * 0.5;
  const perEvent = task.contest === 'peers' || task.truth === 'no-effect' ? 1.2 : 0.7;
  return runs * Math.min(events, PEER_EVENTS) * (task.isClustered && task.contest === 'ours' ? perEvent / 2 : perEvent);
}

/** Runs a task. A function of the task and the extent only, but for the seconds that it took. */
export function runTask(task: Task, whole: Extent): TaskResult {
  return task.kind === 'canary' ? runCanaries(task, whole) : runCell(task, whole);
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
