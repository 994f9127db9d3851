import { setTimeout as sleep } from 'node:timers/promises';
import { EFFECTIVE_WITHIN_MS, effectOf, type OrderEffect, type StartedState, type Unanswered } from '#libs/delivery';
import type { Decisions } from '../deciding/decisions.js';
import type { Parked } from '../deciding/parking.js';
import type { RouterWatch } from './router-watch.js';

/** How often orders about a service are given anew within {@link CALM_MS}; after that it is only told. */
const ATTEMPTS = 6;
/** A service whose orders were followed for so long is no longer one whose routers flap. */
const CALM_MS = 10 * 60_000;

/** How often a waiting order is looked at. */
const LOOK_EVERY_MS = 10;

interface Tried {
  readonly order: string;
  readonly attempts: number;
  readonly nextAtMs: number;
}

/**
 * Sees to it that what was ordered is what is served: an order that a live router does not obey in time is given again, under a larger epoch, and
 * again after a pause that doubles.
 */
export class OrderFollowUp {
  /** By service: which order was given anew, how often, and from when it may be once more. */
  private readonly tried = new Map<string, Tried>();
  private readonly busy = new Set<string>();

  constructor(
    private readonly decisions: Pick<
      Decisions,
      'newestOrders' | 'epochs' | 'epochSinceMs' | 'contested' | 'parkedAs' | 'unansweredIn'
    >,
    private readonly routers: Pick<RouterWatch, 'liveOn' | 'brokenOn'>,
    private readonly nowMs: () => number,
  ) {}

  /** Whether the newest order about an experiment's service is in force; null for orders of before services had epochs. */
  effectOf(state: StartedState): OrderEffect | null {
    const { lastCommand, spec } = state;
    if (!lastCommand.baseline) return null;
    const { epoch, commandedAt } = lastCommand;
    const refusals = refusalsOf(state);
    // Who has refused it will not follow it by being waited for.
    const ageMs = refusals.size > 0 ? EFFECTIVE_WITHIN_MS : this.nowMs() - Date.parse(commandedAt);
    const newestEpoch = Math.max(epoch, this.decisions.epochs().get(spec.service) ?? 0);
    const effect = effectOf({ epoch, newestEpoch, ageMs }, this.routers.liveOn(spec.service));
    if (effect.state !== 'contested') return effect;
    return { ...effect, behind: effect.behind.map((router) => `${router}${refusals.get(router) ?? ''}`) };
  }

  /** Resolves as soon as every live router serves by the order, at the latest when it is contested; without a router at once. */
  async settled(state: StartedState): Promise<void> {
    const untilMs = this.nowMs() + EFFECTIVE_WITHIN_MS;
    while (this.nowMs() < untilMs && this.routers.liveOn(state.spec.service).length > 0) {
      if (this.effectOf(state)?.state !== 'ordered') return;
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** In a divided service every order says what was ordered last, an operator's slots too, so that giving one again gives all of it again. */
  private effectOfService(state: StartedState): OrderEffect | null {
    const { lastCommand, spec } = state;
    const epoch = this.decisions.epochs().get(spec.service) ?? 0;
    if (!lastCommand.layer || epoch <= lastCommand.epoch) return this.effectOf(state);
    const ageMs = this.nowMs() - this.decisions.epochSinceMs(spec.service);
    return effectOf({ epoch, newestEpoch: epoch, ageMs }, this.routers.liveOn(spec.service));
  }

  /** Why nothing can be decided about the experiment at present; undefined where something can. */
  parkedAs(experiment: string): Parked | undefined {
    return this.decisions.parkedAs(experiment);
  }

  /** Requests that keep a candidate's share from rising. */
  unansweredIn(state: StartedState): Unanswered | null {
    return this.decisions.unansweredIn(state);
  }

  /** Routers at which somebody has sent the service to its baseline by hand. */
  brokenOn(service: string): readonly string[] {
    return this.routers.brokenOn(service);
  }

  /** Looks at the newest order of every service; waits for none of what it begins. */
  look(onFailure: (error: Error) => void): void {
    for (const state of this.decisions.newestOrders()) {
      const { service } = state.spec;
      const effect = this.effectOfService(state);
      if (effect?.state !== 'contested' || this.busy.has(service)) continue;
      // Where somebody has broken the glass the baseline is served on purpose.
      if (this.brokenOn(service).length > 0) continue;
      const before = this.tried.get(service);
      const order = nameOfOrder(state);
      const isOver = before?.order !== order || this.nowMs() > before.nextAtMs + CALM_MS;
      const { attempts, nextAtMs } = isOver ? { attempts: 0, nextAtMs: 0 } : before;
      if (attempts >= ATTEMPTS || this.nowMs() < nextAtMs) continue;
      this.tried.set(service, {
        order,
        attempts: attempts + 1,
        nextAtMs: this.nowMs() + EFFECTIVE_WITHIN_MS * 2 ** attempts,
      });
      this.busy.add(service);
      this.decisions
        .contested(state, effect)
        .catch(onFailure)
        .finally(() => this.busy.delete(service));
    }
  }
}

/** " (refused: latched)" by router, of those that have refused the newest order. */
function refusalsOf({ lastCommand, acknowledgements }: StartedState): ReadonlyMap<string, string> {
  const refusals = Object.values(acknowledgements).filter(
    ({ commandId, outcome }) => commandId === lastCommand.commandId && outcome === 'refused',
  );
  return new Map(refusals.map(({ router, reason }) => [router, ` (refused: ${reason})`]));
}

/** The same however often it is given: a new order waits for no pause of the one before. */
function nameOfOrder({ experiment, lastCommand: { revision, command, stage, weightsPpm } }: StartedState): string {
  return JSON.stringify([experiment, revision, command, stage, weightsPpm]);
}
