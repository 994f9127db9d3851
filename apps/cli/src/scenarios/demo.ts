import { setTimeout as sleep } from 'node:timers/promises';
import type { Carrier } from '../arguments.js';
import { LiveTable } from './live-table.js';
import { playScenario } from './play-scenario.js';
import { scenarios, watchablePace, type Scenario } from './scenario.js';
import type { Stack } from './stack.js';
import { StoredPictures } from './stored-pictures.js';
import type { PlayedScenario, ScenarioResult } from './story-result.js';
import { CONCURRENCY, needsScorerAlone, REQUESTS_AFTERWARDS, shapeFor, withStack } from './with-stack.js';

export interface DemoOptions {
  readonly bus: Carrier;
  readonly seed: number;
  /** Only this scenario; undefined plays all, one after another, again and again. */
  readonly scenario: Scenario | undefined;
  /** Most requests per second; undefined: slow enough to watch where a rollback is due and somebody watches, else as many as the machine carries. */
  readonly perSecond: number | undefined;
  /** How long a finished story is left to look at. */
  readonly pauseMs: number;
  /** End after one round, with each result as a line of JSON. */
  readonly exit: boolean;
  /** Every service as a process of its own. */
  readonly apart: boolean;
  readonly out: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/** Plays scenarios live until the signal, or one round headless. Resolves with whether what was played ended as it has to. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const { bus, out, signal, exit } = options;
  const list = options.scenario ? [options.scenario] : scenarios;
  out.write('Starting the services …\n');
  return withStack({ bus, shape: shapeFor(list, options.apart), signal }, async (stack) => {
    out.write(
      `Everything is up after ${(stack.startedInMs / 1000).toFixed(1)} s. All stories: ${stack.reportsUrl}\n\n`,
    );
    const pictures = new StoredPictures(stack);
    let right = true;
    for (let round = 0; !signal.aborted; round += 1) {
      for (const scenario of list) {
        const played = await show(stack, scenario, options.seed + round, options);
        if (signal.aborted) return right;
        right &&= played.asExpected;
        if (needsScorerAlone(scenario)) await stack.restart('scorer');
        await pictures.tidyAllBut(played.experiment);
        if (!exit) await pauseAfter(stack, played, options);
        if (signal.aborted) return right;
      }
      if (exit) break;
    }
    return right;
  });
}

async function show(stack: Stack, scenario: Scenario, seed: number, options: DemoOptions): Promise<PlayedScenario> {
  const { out, exit, signal } = options;
  const perSecond = options.perSecond ?? (exit ? undefined : watchablePace(scenario));
  const table = new LiveTable(out);
  out.write(`${scenario.name} (seed ${seed}): ${scenario.story}\n  starting and warming up two variants …\n`);
  let drawnAt = 0;
  const played = await playScenario(stack, scenario, {
    seed,
    requestsAfterwards: REQUESTS_AFTERWARDS,
    concurrency: CONCURRENCY,
    perSecond,
    signal,
    onStarted: (experiment) => out.write(`  watch it: ${pageOf(stack, experiment)}\n`),
    onProgress: ({ course, key, sent, exposed, perSecond: rate }) => {
      const now = performance.now();
      if (now - drawnAt < 200) return;
      drawnAt = now;
      const page = pageOf(stack, key);
      table.draw({
        title: scenario.name,
        story: scenario.story,
        page,
        course,
        sent,
        exposed,
        perSecond: rate,
        pairsWanted: scenario.shadow?.pairs ?? null,
      });
    },
  });
  if (signal.aborted) return played;
  out.write(`${verdictLine(scenario, played)}\n`);
  out.write(exit ? `${JSON.stringify(asResult(played))}\n` : '\n');
  return played;
}

async function pauseAfter(stack: Stack, { experiment }: PlayedScenario, options: DemoOptions): Promise<void> {
  if (options.pauseMs === 0) return;
  const { out, signal, pauseMs } = options;
  out.write(
    `Verdict and pictures stay at ${pageOf(stack, experiment)}\nThe next story begins in ${pauseMs / 1_000} s; Ctrl-C ends the demonstration.\n\n`,
  );
  await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
}

function pageOf(stack: Stack, experiment: string): string {
  return new URL(`/experiments/${experiment}`, stack.reportsUrl).href;
}

function verdictLine(scenario: Scenario, played: PlayedScenario): string {
  const { reference } = scenario;
  const beside = reference
    ? ` The simulated rule takes ${reference.requests.toLocaleString('en')} requests${reference.exposed === null ? '' : `, ${reference.exposed} of them answered by the candidate,`} for a comparable effect (${reference.effect}).`
    : '';
  const right = played.asExpected ? 'Expected outcome.' : `EXPECTED ${scenario.expected}.`;
  return (
    `${played.outcome} (${played.metric ?? played.reason}) after ${played.requests} requests, ${played.exposed} answered by the candidate, ` +
    `${played.candidateAnswersAfterRollback} after the end. ${right}${beside}`
  );
}

function asResult(played: PlayedScenario): ScenarioResult {
  const {
    experiment: _key,
    seed: _seed,
    asExpected: _right,
    wallSeconds: _wall,
    candidateAnswersAfterRollback: _after,
    ...result
  } = played;
  return result;
}
