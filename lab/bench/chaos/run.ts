import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { MILLION } from '#libs/contracts';
import { nowMs } from '../parts.js';
import { phaseFigures, type AskedRequest, type PhaseFigures, type RouterDeath, type ShareBound } from './judge.js';
import type { LoadNews, LoadOrder } from './load.js';
import type { ParticipantName } from './participants.js';

export const ROUTERS = ['router-a', 'router-b'] as const;
type RouterName = (typeof ROUTERS)[number];

const SERVICE = 'text-to-image';
const EXPERIMENT = 'chaos';
export const SHARE_PPM = 200_000;
/** Longer than any restart on a busy machine. */
const EFFECTIVE_WITHIN_MS = 60_000;
const BECAUSE = { actor: 'chaos', reason: 'to see what breaks' };

/** How long it took until all was well again, milliseconds. */
export interface Recovery {
  /** From the restart until every restarted process said that it is ready: loading its modules included. */
  readonly readyAfterMs: number;
  /** From then until what is ordered was served by every router that lives, and the decision service said so. */
  readonly effectiveAfterMs: number;
}

export interface PlayedPhase extends PhaseFigures {
  readonly name: string;
  /** The largest share that was in force in the phase. */
  readonly boundPpm: number;
  readonly recovery: Recovery | null;
  /** For how long a router that was alive said that it is not ready, the sum of both. */
  readonly unreadyMs: number;
}

/** Who can be killed, and where those are that are asked. */
export interface RunParticipants<Name extends string> {
  /** Who carries the bus. */
  readonly bus: Name;
  addressOf(name: RouterName | 'decision'): string;
  adminOf(name: RouterName): string;
  start(name: Name): Promise<void>;
  kill(name: Name): Promise<void>;
}

/** The run under way: the load, what may be served at present, and who was killed. */
export class ChaosRun<Name extends string = ParticipantName> {
  readonly broken: string[] = [];
  private readonly bounds: ShareBound[] = [];
  private readonly deaths: RouterDeath[] = [];
  private readonly dead = new Set<RouterName>();
  private asked: AskedRequest[] = [];
  private leftOut = 0;
  private rotations: Extract<LoadNews, { readonly kind: 'rotation' }>[] = [];
  private settled: (() => void) | undefined;

  constructor(
    readonly participants: RunParticipants<Name>,
    private readonly load: ChildProcess,
  ) {
    load.on('message', (news: LoadNews) => this.hear(news));
  }

  begin(perSecond: number): void {
    const routers = ROUTERS.map((name) => this.participants.addressOf(name));
    this.send({ kind: 'begin', routers, path: `/v1/services/${SERVICE}/generations`, perSecond });
  }

  /** Sends at this rate for a while. @returns what came of it, and how many requests were left out because too many were unanswered. */
  async pace(perSecond: number, forMs: number): Promise<PhaseFigures & { readonly leftOut: number }> {
    this.send({ kind: 'pace', perSecond });
    const startedAtMs = nowMs();
    [this.asked, this.leftOut] = [[], 0];
    await pause(forMs);
    const lastedMs = nowMs() - startedAtMs;
    await this.settle();
    return { ...phaseFigures(this.asked, this.course, lastedMs), leftOut: this.leftOut };
  }

  /** Applies the experiment at its share, and waits until that is served. */
  async apply(upstreams: Readonly<Record<'control' | 'candidate', string>>): Promise<void> {
    const config = { checkpoint: 'c', sampler: 's', steps: 20, precision: 'fp16' };
    this.allow(SHARE_PPM);
    await this.post('/v1/experiments', {
      apiVersion: 'teststrip/v1',
      key: EXPERIMENT,
      service: SERVICE,
      kind: 'canary',
      variants: {
        control: { upstream: upstreams.control, config },
        candidate: { upstream: upstreams.candidate, config: { ...config, precision: 'int8' } },
      },
      // It stays at its first stage: what changes the share here is chaos, or an order of the run.
      ramp: [{ weight: '20%', atLeast: '20h' }, { weight: '100%' }],
      guardrails: [
        { metric: 'error-rate', margin: '+5pp' },
        { metric: 'delivery-rate', off: true },
      ],
      lostControllerAfter: '3s',
      onInconclusive: 'hold',
    });
    await this.untilEffective();
  }

  /** Orders by hand. What it lowers binds from when it is effective, see `untilEffective`; what it raises may be served from now on. */
  async order(what: 'rollback' | 'new-attempt'): Promise<void> {
    if (what === 'new-attempt') this.allow(SHARE_PPM);
    await this.post(`/v1/experiments/${EXPERIMENT}/${what}`, BECAUSE);
  }

  async kill(...names: readonly Name[]): Promise<void> {
    for (const name of names) {
      const killedAtMs = nowMs();
      await this.participants.kill(name);
      if (!isRouter(name)) continue;
      this.dead.add(name);
      this.deaths.push({ router: ROUTERS.indexOf(name), killedAtMs, goneAtMs: nowMs() });
    }
  }

  async restart(...names: readonly Name[]): Promise<void> {
    for (const name of names) {
      await this.participants.start(name);
      if (isRouter(name)) this.dead.delete(name);
    }
  }

  /** Waits until every router that lives serves what is ordered, and the decision service says so. */
  async untilEffective(): Promise<void> {
    const deadlineMs = nowMs() + EFFECTIVE_WITHIN_MS;
    for (let last = ''; nowMs() < deadlineMs; await pause(50)) {
      last = await this.whatIsMissing().catch((error: Error) => String(error.cause ?? error.message));
      if (last === '') return;
      if (nowMs() + 100 > deadlineMs) this.broken.push(`not effective after ${EFFECTIVE_WITHIN_MS} ms: ${last}`);
    }
  }

  /** Plays a phase with the load going on, and judges every request of it. */
  async phase(name: string, play: () => Promise<Recovery | null>): Promise<PlayedPhase> {
    [this.asked, this.rotations] = [[], []];
    const startedAtMs = nowMs();
    const boundBefore = this.bounds.at(-1)?.atMostPpm ?? 0;
    const recovery = await play();
    const endedAtMs = nowMs();
    await this.settle();
    const figures = phaseFigures(this.asked, this.course, nowMs() - startedAtMs);
    const bounds = this.bounds.filter(({ fromMs }) => fromMs >= startedAtMs).map(({ atMostPpm }) => atMostPpm);
    if (figures.failed > 0)
      this.broken.push(`${name}: ${figures.failed} requests failed: ${figures.reasons.join('; ')}`);
    if (figures.above > 0) this.broken.push(`${name}: ${figures.above} answers of the candidate above its share`);
    const boundPpm = Math.max(boundBefore, ...bounds);
    return { ...figures, name, boundPpm, recovery, unreadyMs: this.unreadyMs(endedAtMs) };
  }

  private get course() {
    return { experiment: EXPERIMENT, bounds: this.bounds, deaths: this.deaths };
  }

  private allow(atMostPpm: number): void {
    this.bounds.push({ fromMs: nowMs(), atMostPpm });
  }

  /** '' where nothing is. What is ordered and effective binds from then on. */
  private async whatIsMissing(): Promise<string> {
    const view = await this.get(new URL(`/v1/experiments/${EXPERIMENT}`, this.participants.addressOf('decision')));
    if (view.phase !== 'running' && view.phase !== 'rolled-back') return `the experiment is ${view.phase}`;
    if (view.effect !== 'effective') return `the order is ${view.effect}`;
    const sharePpm = view.weightsPpm.candidate ?? 0;
    for (const name of ROUTERS.filter((router) => !this.dead.has(router))) {
      const { services } = await this.get(new URL('/v1/allocations', this.participants.adminOf(name)));
      const served = services.find(({ service }: { service: string }) => service === SERVICE);
      const servedPpm = served?.weightsPpm?.candidate ?? 0;
      if (served === undefined || servedPpm !== sharePpm) return `${name} serves the candidate at ${servedPpm} ppm`;
    }
    if (sharePpm < (this.bounds.at(-1)?.atMostPpm ?? 0)) this.allow(sharePpm);
    return '';
  }

  private async get(url: URL): Promise<any> {
    return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).json();
  }

  private async post(path: string, body: unknown): Promise<void> {
    const answer = await this.whenThere(() =>
      fetch(new URL(path, this.participants.addressOf('decision')), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
  }

  /** Where nothing was sent, since nobody takes connections at present, it is tried again for a while. */
  private async whenThere(ask: () => Promise<Response>): Promise<Response> {
    const deadlineMs = nowMs() + EFFECTIVE_WITHIN_MS;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const { code } = ((error as Error).cause ?? {}) as { readonly code?: string };
        if (code !== 'ECONNREFUSED' || nowMs() > deadlineMs) throw error;
        await pause(500);
      }
    }
  }

  private settle(): Promise<void> {
    this.send({ kind: 'settle' });
    return new Promise((resolve) => (this.settled = resolve));
  }

  private send(order: LoadOrder): void {
    this.load.send(order);
  }

  private hear(news: LoadNews): void {
    switch (news.kind) {
      case 'asked':
        for (const request of news.requests) this.asked.push(request);
        this.leftOut += news.leftOut;
        return;
      case 'rotation':
        this.rotations.push(news);
        return;
      case 'settled':
        return this.settled?.();
      default:
        return news satisfies never;
    }
  }

  /** Of routers that were not killed in the phase. */
  private unreadyMs(untilMs: number): number {
    return ROUTERS.reduce((sum, _name, router) => {
      const mine = this.rotations.filter((one) => one.router === router);
      if (this.deaths.some((death) => death.router === router && mine.some(({ atMs }) => atMs >= death.killedAtMs)))
        return sum;
      return mine.reduce((total, { isIn, atMs }, index) => {
        return isIn ? total : total + (mine[index + 1]?.atMs ?? untilMs) - atMs;
      }, sum);
    }, 0);
  }
}

function isRouter(name: string): name is RouterName {
  return (ROUTERS as readonly string[]).includes(name);
}

export const shareInPercent = (ppm: number): string => `${(ppm / MILLION) * 100} %`;
