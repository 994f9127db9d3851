import { MILLION, type ExperimentFile, type VariantConfig } from '#libs/contracts';
import type { ExperimentCourse } from './experiment-watcher.js';
import { CONTROL_CONFIG, experimentOf, type Scenario } from './scenario.js';
import type { Stack } from './stack.js';
import { isAsExpected, resultOf, type PlayedScenario } from './story-result.js';
import { StoryTraffic } from './traffic.js';
import { startVariants } from './variants.js';

export interface PlayOptions {
  readonly seed: number;
  /** Further requests after the end that check who is really served. */
  readonly requestsAfterwards: number;
  readonly concurrency: number;
  /** Most requests per second, to watch what happens; then nothing limits how long it may take. Default: as many as the machine carries. */
  readonly perSecond?: number | undefined;
  /** So many different pictures, drawn once: what remains is what a service with GPUs elsewhere leaves to this machine. Default: every one is drawn. */
  readonly differentPictures?: number;
  /** Told when the experiment has been accepted. */
  readonly onStarted?: (experiment: string) => void;
  /** Told whenever there is something new to show. */
  readonly onProgress?: (progress: PlayProgress) => void;
  readonly signal?: AbortSignal;
  /** Something to do once in the middle, with the traffic held back and everything sent so far analysed. */
  readonly interlude?: { readonly afterRequests: number; readonly run: (experiment: string) => Promise<void> };
}

export interface PlayProgress {
  readonly course: ExperimentCourse;
  /** Key of the experiment. */
  readonly key: string;
  readonly sent: number;
  readonly exposed: number;
  readonly perSecond: number;
}

/** One play under way. */
interface Play {
  readonly stack: Stack;
  readonly scenario: Scenario;
  readonly options: PlayOptions;
  readonly key: string;
  readonly traffic: StoryTraffic;
  readonly startedAt: number;
}

/** Answered requests that may be ahead of the analysis before the traffic waits: the share of late scores stays what it would be live. */
const LARGEST_BACKLOG = 250;
const LONGEST_MS = 9 * 60_000;
const LOOK_EVERY_MS = 25;
/** Longer than the time between two analyses of changing evidence. */
const QUIET_MS = 1_500;

/**
 * Plays one scenario on a running stack: two inference services, an experiment, traffic until the end, then a look at who is served. The
 * pictures stay in the stack's folder.
 */
export async function playScenario(stack: Stack, scenario: Scenario, options: PlayOptions): Promise<PlayedScenario> {
  const { seed, signal } = options;
  const startedAt = performance.now();
  const key = `${scenario.name}-${seed}-${Date.now().toString(36)}`;
  const candidate = { ...CONTROL_CONFIG, ...scenario.candidate } as VariantConfig;
  const rememberPictures = options.differentPictures ?? 0;
  const variants = await startVariants(stack, {
    service: key,
    control: CONTROL_CONFIG,
    candidate,
    rememberPictures,
    signal,
  });
  const traffic = trafficOf(stack, scenario, key, options);
  try {
    await apply(stack, experimentOf(scenario, key, variants.upstreams, options.perSecond ? '24h' : '10m'));
    await stack.watcher.until(key, isApplied, 15_000, 'the start of the experiment');
    options.onStarted?.(key);
    await sendUntilOver({ stack, scenario, options, key, traffic, startedAt });
    const course = stack.watcher.courseOf(key);
    const { sent, byVariant } = traffic.totals;
    const isFinished = isOver(course) && !signal?.aborted;
    const afterwards = isFinished ? await servedAfterwards(traffic, options.requestsAfterwards) : 0;
    const result = resultOf(scenario, course, { requests: sent, exposed: byVariant['candidate'] ?? 0 });
    return {
      ...result,
      experiment: key,
      seed,
      candidateAnswersAfterRollback: result.outcome === 'promoted' ? 0 : afterwards,
      asExpected: isAsExpected(scenario, result) && (result.outcome === 'promoted' || afterwards === 0),
      wallSeconds: (performance.now() - startedAt) / 1000,
    };
  } finally {
    await traffic.close();
    await variants.stop();
  }
}

function trafficOf(stack: Stack, scenario: Scenario, key: string, options: PlayOptions): StoryTraffic {
  return new StoryTraffic({
    routerUrl: stack.routerUrl,
    service: key,
    seed: options.seed,
    concurrency: options.concurrency,
    perSecond: options.perSecond,
    differentPictures: options.differentPictures,
    singleObjectShare: () =>
      scenario.event.kind === 'mix-drifts' ? 0.9 - 0.8 * candidateShare(stack.watcher.courseOf(key)) ** 0.3 : 0.35,
  });
}

/** Sends requests until the last command is applied, the signal, or too long a time; what the scenario has happen besides happens meanwhile. */
async function sendUntilOver(play: Play): Promise<void> {
  const { traffic, options } = play;
  const stop = (): void => traffic.stop();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stop();
  };
  const events = [scorerDeath(play), interlude(play)];
  const follow = (): void => {
    const course = play.stack.watcher.courseOf(play.key);
    const { sent, byVariant } = traffic.totals;
    for (const event of events) event.follow(sent, fail);
    if (events.some((event) => event.isRunning())) return;
    if (sent - analysed(course) > LARGEST_BACKLOG) traffic.pause();
    else traffic.resume();
    if (isOver(course)) stop();
    const perSecond = sent / ((performance.now() - play.startedAt) / 1000);
    options.onProgress?.({ course, key: play.key, sent, exposed: byVariant['candidate'] ?? 0, perSecond });
  };
  const timer = setInterval(follow, LOOK_EVERY_MS);
  const timeout = options.perSecond === undefined ? setTimeout(stop, LONGEST_MS) : undefined;
  options.signal?.addEventListener('abort', stop, { once: true });
  if (!options.signal?.aborted) await traffic.send(Number.MAX_SAFE_INTEGER);
  clearInterval(timer);
  clearTimeout(timeout);
  options.signal?.removeEventListener('abort', stop);
  if (failure !== undefined) throw failure;
}

/** Something that happens once while traffic is sent. */
interface PlannedEvent {
  /** Begins when its time has come. */
  follow(sent: number, fail: (error: unknown) => void): void;
  /** Whether the traffic is its own to hold back. */
  isRunning(): boolean;
}

function scorerDeath({ scenario: { event }, stack }: Play): PlannedEvent {
  let isDue = event.kind === 'scorer-dies';
  return {
    follow(sent, fail) {
      if (!isDue || event.kind !== 'scorer-dies' || sent < event.afterRequests) return;
      isDue = false;
      stack.kill('scorer').catch(fail);
    },
    isRunning: () => false,
  };
}

function interlude({ options, stack, key, traffic }: Play): PlannedEvent {
  const plan = options.interlude;
  let state: 'due' | 'running' | 'over' = plan ? 'due' : 'over';
  const play = async (run: (experiment: string) => Promise<void>): Promise<void> => {
    traffic.pause();
    await settled(stack, key);
    await run(key);
    state = 'over';
  };
  return {
    follow(sent, fail) {
      if (state !== 'due' || !plan || sent < plan.afterRequests) return;
      state = 'running';
      play(plan.run).catch(fail);
    },
    isRunning: () => state === 'running',
  };
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

/** Creates the experiment. @throws Error with the problem's detail. */
async function apply(stack: Stack, file: ExperimentFile): Promise<void> {
  const response = await fetch(new URL('/v1/experiments', stack.decisionUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${stack.operatorToken}` },
    body: JSON.stringify(file),
  });
  if (!response.ok) throw new Error(`the experiment was refused with ${response.status}: ${await response.text()}`);
}

async function servedAfterwards(traffic: StoryTraffic, requests: number): Promise<number> {
  const before = traffic.totals.byVariant['candidate'] ?? 0;
  traffic.resume();
  await traffic.send(requests);
  return (traffic.totals.byVariant['candidate'] ?? 0) - before;
}

/** Requests that the newest analysis knows of. */
function analysed({ analysis }: ExperimentCourse): number {
  return Object.values(analysis?.requests ?? {}).reduce((sum, count) => sum + count, 0);
}

function isApplied({ commands, applied }: ExperimentCourse): boolean {
  const command = commands.at(-1);
  return command !== undefined && applied.some(({ epoch, outcome }) => outcome === 'applied' && epoch >= command.epoch);
}

function isOver(course: ExperimentCourse): boolean {
  return course.commands.at(-1)?.terminal === true && isApplied(course);
}

function candidateShare({ commands }: ExperimentCourse): number {
  return (commands.at(-1)?.weightsPpm['candidate'] ?? 0) / MILLION;
}
