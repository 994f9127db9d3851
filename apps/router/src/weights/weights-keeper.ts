import { setTimeout as sleep } from 'node:timers/promises';
import { answerSignal } from '#libs/platform';
import type { Allocations } from '../routing/allocations.js';
import { baselineUpstream, type ServiceRoute } from '../routing/routing-table.js';
import { baselineSplit, splitOf, UnservableError, type Split, type SplitState } from './split.js';
import type { TargetPlan, WeightsTarget } from './weights-target.js';

/** How often it is looked whether it still does. */
const LOOK_AGAIN_EVERY_MS = 5_000;
/** The baseline is served for so long before an order that a proxy did not follow is tried there once more. */
const TRY_AGAIN_AFTER_MS = 10_000;
/** Before what failed is tried at once again. */
const PAUSE_MS = 500;
/** A trouble that lasts is told once for each order, and then so often. */
const TELL_AGAIN_AFTER_MS = 60_000;

export interface WeightsKeeperOptions {
  readonly targets: readonly WeightsTarget[];
  readonly allocations: Pick<Allocations, 'routeOf' | 'epochs' | 'isFailSafe'>;
  /** Nothing is told before it is known what is in force. */
  readonly isReady: () => boolean;
  /** A service is served by an epoch now, or is not and why. Told once for each change. */
  readonly onSettled: (service: string, settled: Settled) => void;
  readonly onTrouble: (message: string) => void;
  readonly nowMs?: () => number;
}

export interface Settled {
  readonly epoch: number;
  /** null: it was seen to serve. */
  readonly refusal: string | null;
}

/** How far one proxy is with the orders about a service. */
export interface KeptWeights {
  readonly service: string;
  readonly proxy: string;
  /** The newest order that it was seen to serve; 0 where there is none, or where it has stopped to. */
  readonly servedEpoch: number;
  /** Why the newest order is not served; null: it is, or nothing is known yet. */
  readonly refusal: string | null;
}

interface Goal extends Settled {
  readonly plan: TargetPlan;
}

/** What is told to one proxy about one service. */
interface Lane {
  readonly target: WeightsTarget;
  goal: Goal | undefined;
  servedKey: string | undefined;
  /** The newest order that it was seen to serve. */
  servedEpoch: number;
  /** Of the order that is not followed: why, and until when it is not tried again. */
  failed: { readonly key: string; readonly reason: string; readonly untilMs: number } | undefined;
  settled: Settled | undefined;
  isRunning: boolean;
  lookedAtMs: number;
  /** The trouble that was told last. */
  told: { readonly message: string; readonly atMs: number } | undefined;
  /** Ends what is being told, since another order came. */
  interrupt: AbortController;
}

/**
 * Keeps the weights of proxies that draw by themselves as the orders say. What a proxy was not seen to serve is not claimed, and the baseline is served there
 * meanwhile.
 */
export class WeightsKeeper {
  private readonly lanes: readonly Lane[];
  private readonly closing = new AbortController();
  private readonly nowMs: () => number;

  constructor(private readonly options: WeightsKeeperOptions) {
    this.nowMs = options.nowMs ?? Date.now;
    this.lanes = options.targets.map((target) => ({
      target,
      goal: undefined,
      servedKey: undefined,
      servedEpoch: 0,
      failed: undefined,
      settled: undefined,
      isRunning: false,
      lookedAtMs: 0,
      told: undefined,
      interrupt: new AbortController(),
    }));
  }

  keeps(service: string): boolean {
    return this.lanes.some(({ target }) => target.service === service);
  }

  /** Epochs that may be claimed: of services that others serve, what these were seen to serve. */
  claimable(epochs: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
    return Object.fromEntries(
      Object.entries(epochs).map(([service, epoch]) => {
        const own = this.lanes.filter(({ target }) => target.service === service);
        return [service, Math.min(epoch, ...own.map(({ servedEpoch }) => servedEpoch))];
      }),
    );
  }

  /** How far each proxy is, for operators. */
  describe(): readonly KeptWeights[] {
    return this.lanes.map(({ target, servedEpoch, settled }) => ({
      service: target.service,
      proxy: target.name,
      servedEpoch,
      refusal: settled?.refusal ?? null,
    }));
  }

  /** Tells each proxy what has changed since it was told last; cheap where nothing has. */
  look(): void {
    if (this.lanes.length === 0 || !this.options.isReady() || this.closing.signal.aborted) return;
    const epochs = this.options.allocations.epochs();
    for (const lane of this.lanes) {
      const route = this.options.allocations.routeOf(lane.target.service);
      if (!route) continue;
      const before = lane.goal?.plan.key;
      lane.goal = this.goalOf(lane, route, epochs[lane.target.service] ?? 0);
      // A rollback waits for no order before it.
      if (lane.goal?.plan.key !== before) lane.interrupt.abort();
      if (!lane.isRunning) void this.run(lane);
    }
  }

  close(): void {
    this.closing.abort();
    for (const lane of this.lanes) lane.interrupt.abort();
  }

  private goalOf(lane: Lane, route: ServiceRoute, epoch: number): Goal | undefined {
    const isFailSafe = route.kind === 'experiment' && this.options.allocations.isFailSafe(route);
    const wanted = this.wantedOf(lane, route, { epoch, isFailSafe });
    if (wanted.plan && !this.hasFailed(lane, wanted.plan.key)) return { plan: wanted.plan, epoch, refusal: null };
    const refusal = wanted.plan ? (lane.failed?.reason ?? '') : wanted.reason;
    const baseline = this.planOf(lane, () => baselineSplit(route.service, epoch, baselineUpstream(route)));
    return baseline.plan && { plan: baseline.plan, epoch, refusal };
  }

  private wantedOf(lane: Lane, route: ServiceRoute, state: SplitState): Planned {
    return this.planOf(lane, () => splitOf(route, state, lane.target.abilities));
  }

  private planOf({ target }: Lane, split: () => Split): Planned {
    try {
      return { plan: target.planOf(split(), this.nowMs()) };
    } catch (error) {
      if (error instanceof UnservableError) return { reason: error.message };
      throw error;
    }
  }

  private hasFailed({ failed }: Lane, key: string): boolean {
    return failed?.key === key && this.nowMs() < failed.untilMs;
  }

  private async run(lane: Lane): Promise<void> {
    lane.isRunning = true;
    try {
      await this.follow(lane);
    } catch (error) {
      if (!this.closing.signal.aborted) this.tellTrouble(lane, (error as Error).message);
    } finally {
      lane.isRunning = false;
    }
  }

  private async follow(lane: Lane): Promise<void> {
    while (lane.goal && !this.closing.signal.aborted) {
      const { goal } = lane;
      if (goal.plan.key === lane.servedKey) {
        if (goal.refusal === null) lane.servedEpoch = goal.epoch;
        this.settle(lane, goal);
        if (!(await this.isLost(lane, goal))) return;
      }
      await this.tell(lane, goal);
    }
  }

  /** Somebody has changed it, or the proxy is away. */
  private async isLost(lane: Lane, { plan }: Goal): Promise<boolean> {
    const nowMs = this.nowMs();
    if (nowMs - lane.lookedAtMs < LOOK_AGAIN_EVERY_MS) return false;
    lane.lookedAtMs = nowMs;
    if (await plan.isServed(this.within(lane)).catch(() => false)) return false;
    lane.servedKey = undefined;
    lane.servedEpoch = 0;
    this.tellTrouble(lane, 'does not serve any more what it was told; it is told again');
    return true;
  }

  private async tell(lane: Lane, goal: Goal): Promise<void> {
    lane.interrupt = new AbortController();
    try {
      lane.servedKey = undefined;
      await goal.plan.apply(AbortSignal.any([lane.interrupt.signal, this.within(lane)]));
      lane.servedKey = goal.plan.key;
      lane.lookedAtMs = this.nowMs();
    } catch (error) {
      if (this.closing.signal.aborted || lane.goal?.plan.key !== goal.plan.key) return;
      await this.failed(lane, goal, (error as Error).message);
    }
  }

  private async failed(lane: Lane, goal: Goal, reason: string): Promise<void> {
    this.tellTrouble(lane, `does not follow epoch ${goal.epoch}: ${reason}`);
    // The baseline that is served instead is tried until it is.
    if (goal.refusal === null) {
      lane.failed = { key: goal.plan.key, reason, untilMs: this.nowMs() + TRY_AGAIN_AFTER_MS };
      this.settle(lane, { epoch: goal.epoch, refusal: reason });
    }
    const { signal } = lane.interrupt;
    this.look();
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }

  /** It is tried twice a second: that would fill a log while a proxy is away. */
  private tellTrouble(lane: Lane, message: string): void {
    const nowMs = this.nowMs();
    if (lane.told?.message === message && nowMs - lane.told.atMs < TELL_AGAIN_AFTER_MS) return;
    lane.told = { message, atMs: nowMs };
    this.options.onTrouble(`${lane.target.name}: ${message}`);
  }

  private settle(lane: Lane, { epoch, refusal }: Settled): void {
    if (lane.settled?.epoch === epoch && lane.settled.refusal === refusal) return;
    lane.settled = { epoch, refusal };
    this.options.onSettled(lane.target.service, lane.settled);
  }

  private within({ target }: Lane): AbortSignal {
    return AbortSignal.any([this.closing.signal, answerSignal(target.seenWithinMs)]);
  }
}

type Planned =
  | { readonly plan: TargetPlan; readonly reason?: undefined }
  | { readonly plan?: undefined; readonly reason: string };
