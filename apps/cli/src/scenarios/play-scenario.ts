import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MILLION, type AllocationCommanded, type ExperimentFile } from '#libs/contracts';
import { startApp, type Child } from './child-process.js';
import type { ExperimentCourse } from './experiment-watcher.js';
import { CONTROL_CONFIG, experimentOf, type Outcome, type Scenario } from './scenario.js';
import type { Stack } from './stack.js';
import { Traffic } from './traffic.js';

/** How a scenario ended: the object that is printed as the last line. */
export interface ScenarioResult {
  readonly scenario: string;
  readonly outcome: Outcome;
  /** Machine-readable reason of the last command. */
  readonly reason: string;
  /** The metric that caused a rollback; null otherwise. */
  readonly metric: string | null;
  /** Units judged, both variants. */
  readonly units: number;
  /** Requests sent until the last command was applied. */
  readonly requests: number;
  /** Requests answered by the candidate until then. */
  readonly exposed: number;
  /** Shares of the candidate, in percent, in the order they were commanded. */
  readonly stagesReached: readonly number[];
  /** Commands that contradict the truth: a rollback of an equal candidate, a promotion of a bad one. */
  readonly falseCommands: number;
  /** From the analysis that a command rests on to the router's acknowledgement. */
  readonly detectionToAppliedMs: { readonly p50: number | null; readonly max: number | null };
}

export interface PlayedScenario extends ScenarioResult {
  readonly seed: number;
  /** It ended as it has to, for one of the right reasons, and nobody saw the candidate afterwards. */
  readonly asExpected: boolean;
  readonly wallSeconds: number;
  /** Answers by the candidate after a rollback was applied; must be 0. */
  readonly candidateAnswersAfterRollback: number;
}

export interface PlayOptions {
  readonly seed: number;
  /** Further requests after the end that check who is really served. */
  readonly requestsAfterwards: number;
  readonly concurrency: number;
  /** So many different pictures, drawn once: what remains is what a service with GPUs elsewhere leaves to this machine. Default: every one is drawn. */
  readonly differentPictures?: number;
  /** Told whenever there is something new to show. */
  readonly onProgress?: (progress: {
    course: ExperimentCourse;
    key: string;
    sent: number;
    exposed: number;
    perSecond: number;
  }) => void;
  readonly signal?: AbortSignal;
  /** Something to do once in the middle, with the traffic held back and everything sent so far analysed. */
  readonly interlude?: { readonly afterRequests: number; readonly run: (experiment: string) => Promise<void> };
}

/** Answered requests that may be ahead of the analysis before the traffic waits: the share of late scores stays what it would be live. */
const LARGEST_BACKLOG = 250;
const LONGEST_MS = 9 * 60_000;
/** Longer than the time between two analyses of changing evidence. */
const QUIET_MS = 1_500;

/** Plays one scenario on a running stack: two inference services, an experiment, traffic until the end, then a look at who is served. */
export async function playScenario(stack: Stack, scenario: Scenario, options: PlayOptions): Promise<PlayedScenario> {
  const startedAt = performance.now();
  const key = `${scenario.name}-${options.seed}-${Date.now().toString(36)}`;
  const pictures = join(stack.pictureFolder, key);
  const candidateConfig = { ...CONTROL_CONFIG, ...scenario.candidate };
  const inference = await Promise.all([
    startInference(stack, key, CONTROL_CONFIG, join(pictures, 'control'), options.differentPictures),
    startInference(stack, key, candidateConfig, join(pictures, 'candidate'), options.differentPictures),
  ]);
  const [control, candidate] = inference.map(({ ready }) => String(ready['url'])) as [string, string];
  let course: ExperimentCourse = stack.watcher.courseOf(key);
  const traffic = new Traffic({
    routerUrl: stack.routerUrl,
    service: key,
    seed: options.seed,
    concurrency: options.concurrency,
    differentPictures: options.differentPictures,
    singleObjectShare: () => (scenario.event.kind === 'mix-drifts' ? 0.9 - 0.8 * candidateShare(course) ** 0.3 : 0.35),
  });
  try {
    await apply(stack, experimentOf(scenario, key, { control, candidate }));
    await stack.watcher.until(key, isApplied, 15_000, 'the start of the experiment');
    let scorerAlive = true;
    let interlude: 'due' | 'running' | 'over' = options.interlude ? 'due' : 'over';
    const playInterlude = async ({ run }: NonNullable<PlayOptions['interlude']>): Promise<void> => {
      interlude = 'running';
      traffic.pause();
      await settled(stack, key);
      await run(key);
      interlude = 'over';
    };
    let failed: unknown;
    const follow = (): void => {
      if (interlude === 'running') return;
      course = stack.watcher.courseOf(key);
      const { sent, byVariant } = traffic.totals;
      const analysed = Object.values(course.analysis?.requests ?? {}).reduce((sum, count) => sum + count, 0);
      if (sent - analysed > LARGEST_BACKLOG) traffic.pause();
      else traffic.resume();
      if (scenario.event.kind === 'scorer-dies' && scorerAlive && sent >= scenario.event.afterRequests) {
        scorerAlive = false;
        void stack.kill('scorer');
      }
      if (isOver(course)) traffic.stop();
      if (options.interlude && interlude === 'due' && sent >= options.interlude.afterRequests) {
        playInterlude(options.interlude).catch((error: unknown) => {
          failed = error;
          traffic.stop();
        });
      }
      const perSecond = sent / ((performance.now() - startedAt) / 1000);
      options.onProgress?.({ course, key, sent, exposed: byVariant['candidate'] ?? 0, perSecond });
    };
    const timer = setInterval(follow, 25);
    const onAbort = (): void => traffic.stop();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const timeout = setTimeout(() => traffic.stop(), LONGEST_MS);
    await traffic.send(Number.MAX_SAFE_INTEGER);
    clearInterval(timer);
    clearTimeout(timeout);
    if (failed !== undefined) throw failed;
    options.signal?.removeEventListener('abort', onAbort);
    course = stack.watcher.courseOf(key);
    const before = traffic.totals;
    const afterwards =
      isOver(course) && !options.signal?.aborted ? await servedAfterwards(traffic, options.requestsAfterwards) : 0;
    const result = resultOf(scenario, course, before.sent, before.byVariant['candidate'] ?? 0);
    return {
      ...result,
      seed: options.seed,
      candidateAnswersAfterRollback: result.outcome === 'promoted' ? 0 : afterwards,
      asExpected: isAsExpected(scenario, result) && (result.outcome === 'promoted' || afterwards === 0),
      wallSeconds: (performance.now() - startedAt) / 1000,
    };
  } finally {
    await traffic.close();
    for (const service of inference) await service.stop();
    await rm(pictures, { recursive: true, force: true });
  }
}

/** Resolves when nothing new has been analysed for a while. */
async function settled(stack: Stack, key: string): Promise<void> {
  for (let last = ''; ;) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const { analysis } = stack.watcher.courseOf(key);
    if (analysis && analysis.analysisId === last) return;
    last = analysis?.analysisId ?? '';
  }
}

/** After so many a variant's process has its usual speed. */
const WARM_UP_REQUESTS = 1_500;
/** On a busy machine that takes its time. */
const WARM_WITHIN_MS = 120_000;

function startInference(
  stack: Stack,
  service: string,
  config: object,
  pictureFolder: string,
  rememberPictures = 0,
): Promise<Child> {
  const settings = {
    ...stack.settings,
    SERVICE: service,
    VARIANT_CONFIG: JSON.stringify(config),
    WARM_UP_REQUESTS: String(WARM_UP_REQUESTS),
    REMEMBER_PICTURES: String(rememberPictures),
    INFERENCE_PORT: '0',
    PICTURE_FOLDER: pictureFolder,
  };
  return startApp('inference', settings, { timeoutMs: WARM_WITHIN_MS });
}

/** Creates the experiment. @throws Error with the problem's detail. */
async function apply(stack: Stack, file: ExperimentFile): Promise<void> {
  const response = await fetch(new URL('/v1/experiments', stack.decisionUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(file),
  });
  if (!response.ok) throw new Error(`the experiment was refused with ${response.status}: ${await response.text()}`);
}

async function servedAfterwards(traffic: Traffic, requests: number): Promise<number> {
  const before = traffic.totals.byVariant['candidate'] ?? 0;
  traffic.resume();
  await traffic.send(requests);
  return (traffic.totals.byVariant['candidate'] ?? 0) - before;
}

const lastCommand = ({ commands }: ExperimentCourse): AllocationCommanded | undefined => commands.at(-1);

function isApplied(course: ExperimentCourse): boolean {
  const command = lastCommand(course);
  return (
    command !== undefined &&
    course.applied.some(({ epoch, outcome }) => outcome === 'applied' && epoch >= command.epoch)
  );
}

const isOver = (course: ExperimentCourse): boolean => lastCommand(course)?.terminal === true && isApplied(course);

function candidateShare(course: ExperimentCourse): number {
  return (lastCommand(course)?.weightsPpm['candidate'] ?? 0) / MILLION;
}

function resultOf(scenario: Scenario, course: ExperimentCourse, requests: number, exposed: number): ScenarioResult {
  const last = lastCommand(course);
  const outcome = outcomeOf(last);
  const units = Object.values(course.analysis?.units ?? {}).reduce((sum, count) => sum + count, 0);
  const delays = detectionToAppliedMs(course);
  return {
    scenario: scenario.name,
    outcome,
    reason: last?.reason ?? 'none',
    metric: outcome === 'rolled-back' ? (last?.evidence?.metric ?? null) : null,
    units,
    requests,
    exposed,
    stagesReached: course.commands
      .filter(({ command }) => command === 'start' || command === 'advance' || command === 'promote')
      .map(({ weightsPpm }) => (weightsPpm['candidate'] ?? 0) / 10_000),
    falseCommands: course.commands.filter((command) => isFalse(scenario, command)).length,
    detectionToAppliedMs: { p50: delays[Math.floor((delays.length - 1) / 2)] ?? null, max: delays.at(-1) ?? null },
  };
}

function outcomeOf(command: AllocationCommanded | undefined): Outcome {
  if (!command?.terminal) return 'inconclusive';
  if (command.command === 'promote') return 'promoted';
  return command.reason === 'harmful' || command.reason === 'operator' ? 'rolled-back' : 'inconclusive';
}

function isFalse({ expected }: Scenario, { command, reason }: AllocationCommanded): boolean {
  if (command === 'rollback' && reason === 'harmful') return expected !== 'rolled-back';
  return command === 'promote' && expected !== 'promoted';
}

/** Ascending, milliseconds; commands that rest on evidence only. */
function detectionToAppliedMs({ commands, applied }: ExperimentCourse): number[] {
  return commands
    .flatMap(({ commandId, evidence }) => {
      const acknowledgement = applied.find((ack) => ack.commandId === commandId && ack.outcome === 'applied');
      return evidence && acknowledgement
        ? [Date.parse(acknowledgement.appliedAt) - Date.parse(evidence.analysedAt)]
        : [];
    })
    .sort((a, b) => a - b);
}

function isAsExpected(scenario: Scenario, result: ScenarioResult): boolean {
  if (result.outcome !== scenario.expected || result.falseCommands > 0) return false;
  return scenario.expectedMetrics.length === 0 || scenario.expectedMetrics.includes(result.metric ?? '');
}
