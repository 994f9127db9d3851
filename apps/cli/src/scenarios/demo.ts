import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LiveTable } from './live-table.js';
import { playScenario, type PlayedScenario, type ScenarioResult } from './play-scenario.js';
import { scenarios, type Scenario } from './scenario.js';
import { startStack, type Shape, type Stack } from './stack.js';

export interface DemoOptions {
  readonly bus: 'postgres' | 'kafka';
  readonly seed: number;
  /** Only this scenario; undefined plays all, one after another, again and again. */
  readonly scenario: Scenario | undefined;
  /** End after the scenario, with its result as the last line. */
  readonly exit: boolean;
  /** Every service as a process of its own. */
  readonly apart: boolean;
  readonly out: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

const CONCURRENCY = 56;

/** Plays scenarios live until the signal, or one headless. Resolves with whether what was played ended as it has to. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const list = options.scenario ? [options.scenario] : scenarios;
  return withStack(options.bus, shapeFor(list, options.apart), async (stack) => {
    options.out.write(
      `the stack is up after ${(stack.startedInMs / 1000).toFixed(1)} s; live page: ${stack.reportsUrl}\n\n`,
    );
    let right = true;
    for (let round = 0; !options.signal.aborted; round += 1) {
      for (const scenario of list) {
        if (options.signal.aborted) break;
        const played = await show(stack, scenario, options.seed + round, options);
        right &&= played.asExpected;
        if (needsScorerAlone(scenario)) await stack.restart('scorer');
      }
      if (options.exit) break;
    }
    return right;
  });
}

/** Plays every scenario for every seed and prints a table. Resolves with whether all ended as they have to. */
export async function runScenarios(options: {
  readonly bus: 'postgres' | 'kafka';
  readonly seeds: readonly number[];
  readonly scenarios: readonly Scenario[];
  readonly out: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  return withStack(options.bus, shapeFor(options.scenarios, false), async (stack) => {
    const { out } = options;
    const started = performance.now();
    out.write(tableHead());
    let wrong = 0;
    for (const scenario of options.scenarios) {
      for (const seed of options.seeds) {
        if (options.signal.aborted) return false;
        const played = await playScenario(stack, scenario, {
          seed,
          requestsAfterwards: 300,
          concurrency: CONCURRENCY,
          signal: options.signal,
        });
        if (!played.asExpected) wrong += 1;
        out.write(tableRow(scenario, played));
        if (needsScorerAlone(scenario)) await stack.restart('scorer');
      }
    }
    const total = options.scenarios.length * options.seeds.length;
    out.write(
      `\n${total - wrong} of ${total} ended as they have to, on ${options.bus}, in ${((performance.now() - started) / 1000).toFixed(0)} s\n`,
    );
    return wrong === 0;
  });
}

async function show(
  stack: Stack,
  scenario: Scenario,
  seed: number,
  { out, exit, signal }: DemoOptions,
): Promise<PlayedScenario> {
  const table = new LiveTable(out);
  out.write(`${scenario.name} (seed ${seed}): ${scenario.story}\n`);
  let drawnAt = 0;
  const played = await playScenario(stack, scenario, {
    seed,
    requestsAfterwards: 300,
    concurrency: CONCURRENCY,
    signal,
    onProgress: ({ course, key, sent, exposed, perSecond }) => {
      const now = performance.now();
      if (now - drawnAt < 200) return;
      drawnAt = now;
      const page = new URL(`/experiments/${key}`, stack.reportsUrl).href;
      table.draw({ title: scenario.name, story: scenario.story, page, course, sent, exposed, perSecond });
    },
  });
  out.write(`${verdictLine(scenario, played)}\n`);
  if (exit) out.write(`${JSON.stringify(asResult(played))}\n`);
  else out.write('\n');
  return played;
}

function verdictLine(scenario: Scenario, played: PlayedScenario): string {
  const { reference } = scenario;
  const beside = reference
    ? `; simulated for a comparable effect (${reference.effect}): ${reference.requests} requests${reference.exposed === null ? '' : `, ${reference.exposed} exposed`}`
    : '';
  const right = played.asExpected ? 'as it has to be' : `EXPECTED ${scenario.expected}`;
  return (
    `${played.outcome} (${played.metric ?? played.reason}) after ${played.requests} requests, ${played.exposed} answered by the candidate, ` +
    `${played.candidateAnswersAfterRollback} after the end; ${right}${beside}`
  );
}

function asResult({
  seed: _seed,
  asExpected: _right,
  wallSeconds: _wall,
  candidateAnswersAfterRollback: _after,
  ...result
}: PlayedScenario): ScenarioResult {
  return result;
}

const COLUMNS = [
  'scenario',
  'seed',
  'outcome',
  'metric or reason',
  'requests',
  'exposed',
  'simulated',
  'applied p50/max ms',
  's',
  '',
];
const WIDTHS = [16, 5, 13, 28, 9, 8, 16, 19, 6, 30];

function tableHead(): string {
  return `${line(COLUMNS)}\n${'─'.repeat(WIDTHS.reduce((sum, width) => sum + width + 1, 0))}\n`;
}

function tableRow({ reference, expected }: Scenario, played: PlayedScenario): string {
  const { p50, max } = played.detectionToAppliedMs;
  return `${line([
    played.scenario,
    String(played.seed),
    played.outcome,
    played.metric ?? played.reason,
    String(played.requests),
    String(played.exposed),
    reference ? `${reference.requests}/${reference.exposed ?? '–'}` : '–',
    p50 === null ? '–' : `${p50}/${max}`,
    played.wallSeconds.toFixed(0),
    played.asExpected ? 'ok' : `EXPECTED ${expected}`,
  ])}\n`;
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(WIDTHS[index] as number))
    .join(' ')
    .trimEnd();
}

const needsScorerAlone = (scenario: Scenario): boolean => scenario.event.kind === 'scorer-dies';

function shapeFor(list: readonly Scenario[], apart: boolean): Shape {
  if (apart) return 'all-apart';
  return list.some(needsScorerAlone) ? 'scorer-apart' : 'standalone';
}

async function withStack<T>(bus: 'postgres' | 'kafka', shape: Shape, play: (stack: Stack) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-'));
  const stack = await startStack({ bus, dataDir, shape });
  try {
    return await play(stack);
  } finally {
    await stack.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}
