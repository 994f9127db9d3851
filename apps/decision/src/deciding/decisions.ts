import { randomUUID } from 'node:crypto';
import type { AllocationApplied, ExperimentAnalysed } from '#libs/contracts';
import {
  decider,
  DecisionRefusedError,
  isActive,
  type DefinedState,
  type DeliveryEvent,
  type DeliveryInput,
  type DeliveryState,
} from '#libs/delivery';
import { VersionConflictError } from '#libs/persistence/decision';
import type { Clock } from '#libs/platform';
import type { DecisionLog, Known, KnownState } from './decision-log.js';
import { followInQuarantine, type Quarantined } from './quarantine.js';

/** An operator's order before it has a time and an id. */
export type Order = DistributiveOmit<Extract<DeliveryInput, { readonly actor: string }>, 'atMs' | 'commandId'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What an order led to. */
export interface Obeyed {
  readonly state: DefinedState | Quarantined;
  /** False where everything was as ordered already. */
  readonly changed: boolean;
}

export interface DecisionsListener {
  /** After every commit that put something into the outbox: what was decided about the experiment. */
  decided(experiment: string, events: readonly DeliveryEvent[]): void;
  /** Once for every reason: nothing is decided about this experiment any more. */
  quarantined(experiment: Quarantined): void;
}

/** What follows from an input, and the state after it. */
interface Followed {
  readonly events: readonly DeliveryEvent[];
  readonly after: KnownState;
}

/** How often a decision is taken anew because another process was faster, before the caller is told. */
const ATTEMPTS = 20;

/**
 * The single writer: takes inputs, lets libs/delivery decide, and appends what follows. Inputs of one experiment are taken one after the
 * other; between processes the stored version decides, and who lost looks again and decides anew.
 */
export class Decisions {
  private readonly known = new Map<string, Known>();
  /** Keys whose state in memory may be old; it is read again before the next decision. */
  private readonly stale = new Set<string>();
  private readonly queues = new Map<string, Promise<unknown>>();
  /** When an analysis was heard here; only for experiments of which more have to come. */
  private readonly heardAtMs = new Map<string, number>();
  /** Since when time should have moved an experiment that it has not moved yet, by key. */
  private readonly dueSinceMs = new Map<string, number>();
  /** Keys that a tick is being decided for. */
  private readonly moving = new Set<string>();
  /** Reasons that were told, by key. */
  private readonly alerted = new Map<string, string>();

  constructor(
    private readonly log: DecisionLog,
    private readonly clock: Clock,
    private readonly listener: DecisionsListener,
  ) {}

  /**
   * Rebuilds every experiment from the log; deadlines that passed meanwhile are caught up with.
   * @param onFailure told of each experiment that can't be caught up with now; `tick` tries it again
   */
  async restart(onFailure: (error: Error) => void): Promise<void> {
    const keys = await this.log.keys();
    for (const key of keys) await this.refresh(key);
    await Promise.all(keys.map((key) => this.take(key, { ...this.now(), type: 'restarted' }).catch(onFailure)));
  }

  /**
   * Obeys an operator.
   * @throws DecisionRefusedError when the state forbids it, QuarantinedError when the experiment is quarantined.
   */
  async order(key: string, order: Order): Promise<Obeyed> {
    // Whoever asks has seen the newest state, perhaps of another process: so has the decision to.
    const { before, after } = await this.take(key, { ...order, ...this.now() }, { fresh: true });
    if (after.phase === 'absent') throw new TypeError(`${key}: an order left nothing behind`);
    return { state: after, changed: after !== before };
  }

  /** @param traceparent trace of the analysis; what is decided upon it belongs to that */
  async analysed(analysis: ExperimentAnalysed, traceparent?: string): Promise<void> {
    // Without traffic there is nothing to analyse: silence is what has to follow then.
    if (analysis.health.staleness.status === 'no-traffic') this.heardAtMs.delete(analysis.experiment);
    else this.heardAtMs.set(analysis.experiment, this.clock.nowMs());
    await this.take(analysis.experiment, { ...this.now(), type: 'analysed', analysis }, { traceparent });
  }

  async applied(applied: AllocationApplied, traceparent?: string): Promise<void> {
    await this.take(applied.experiment, { ...this.now(), type: 'applied', applied }, { traceparent });
  }

  /** Analyses of the experiment arrive at another process now: silence here means nothing. */
  heardElsewhere(key: string): void {
    this.heardAtMs.delete(key);
  }

  /**
   * Looks at the clock for every experiment that time can move. Costs nothing where nothing is due, and waits for none: what hangs or fails for
   * one experiment does not delay another. What failed is due still, at the next tick.
   */
  tick(analysisSilentAfterMs: number, onFailure: (error: Error) => void): void {
    for (const [key, { state }] of this.known) {
      const input = {
        ...this.now(),
        type: 'tick' as const,
        lastAnalysedAtMs: this.heardAtMs.get(key) ?? null,
        analysisSilentAfterMs,
      };
      if (state.phase === 'quarantined' || !mayMove(state, input)) this.dueSinceMs.delete(key);
      else this.moveDue(key, input, onFailure);
    }
  }

  private moveDue(
    key: string,
    input: Extract<DeliveryInput, { readonly type: 'tick' }>,
    onFailure: (error: Error) => void,
  ): void {
    if (!this.dueSinceMs.has(key)) this.dueSinceMs.set(key, input.atMs);
    if (this.moving.has(key)) return;
    this.moving.add(key);
    this.take(key, input)
      .then(() => this.dueSinceMs.delete(key))
      .catch(onFailure)
      .finally(() => this.moving.delete(key));
  }

  /** What has been due for longest and is not decided; undefined where nothing is. */
  longestDue(): { readonly experiment: string; readonly sinceMs: number } | undefined {
    return [...this.dueSinceMs]
      .map(([experiment, sinceMs]) => ({ experiment, sinceMs }))
      .sort((a, b) => a.sinceMs - b.sinceMs)[0];
  }

  /** Resolves when all that was begun has ended, well or not. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.queues.values());
  }

  /** Keys of the experiments that are being decided about. */
  running(): readonly string[] {
    return [...this.known]
      .filter(([, { state }]) => state.phase !== 'quarantined' && isActive(state))
      .map(([key]) => key);
  }

  /** The present state as it is stored, whoever wrote it. */
  async find(key: string): Promise<KnownState> {
    return (await this.log.load(key)).state;
  }

  async list(): Promise<readonly KnownState[]> {
    return Promise.all((await this.log.keys()).map((key) => this.find(key)));
  }

  /** Experiments that are quarantined at present. */
  quarantined(): readonly Quarantined[] {
    return [...this.known.values()].flatMap(({ state }) => (state.phase === 'quarantined' ? [state] : []));
  }

  /** Another process has decided: what is kept here is old. */
  async refresh(key: string): Promise<void> {
    await this.inTurn(key, async () => {
      this.stale.add(key);
      await this.recall(key);
    });
  }

  /** News may have been missed: everything is read anew. */
  async refreshAll(): Promise<void> {
    for (const key of await this.log.keys()) await this.refresh(key);
  }

  private now(): { readonly atMs: number; readonly commandId: string } {
    return { atMs: this.clock.nowMs(), commandId: randomUUID() };
  }

  private take(
    key: string,
    input: DeliveryInput,
    { fresh = false, traceparent }: { readonly fresh?: boolean; readonly traceparent?: string | undefined } = {},
  ): Promise<{ readonly before: KnownState; readonly after: KnownState }> {
    return this.inTurn(key, async () => {
      if (fresh) this.stale.add(key);
      for (let attempt = 1; ; attempt += 1) {
        const known = await this.recall(key);
        try {
          const { events, after } = follow(known.state, input);
          if (events.length === 0) return { before: known.state, after: known.state };
          const version = await this.log.append(known, events, after, traceparent);
          this.known.set(key, { state: after, version });
          this.listener.decided(key, events);
          return { before: known.state, after };
        } catch (error) {
          if (error instanceof UndecidableError && known.state.phase !== 'quarantined' && !isFromTheBus(input)) {
            this.remember(key, await this.log.quarantine(key, known.version, error.message));
            continue;
          }
          // Also when the connection broke at the commit: only the log knows whether it happened.
          this.stale.add(key);
          if (!(error instanceof VersionConflictError) || attempt >= ATTEMPTS) throw error;
        }
      }
    });
  }

  private async recall(key: string): Promise<Known> {
    const remembered = this.known.get(key);
    if (remembered && !this.stale.has(key)) return remembered;
    const loaded = await this.log.load(key);
    this.stale.delete(key);
    if (loaded.state.phase !== 'absent') this.remember(key, loaded);
    return loaded;
  }

  private remember(key: string, known: Known): void {
    this.known.set(key, known);
    if (known.state.phase !== 'quarantined') this.alerted.delete(key);
    else if (this.alerted.get(key) !== known.state.reason) {
      this.alerted.set(key, known.state.reason);
      this.listener.quarantined(known.state);
    }
  }

  /** One after the other per experiment; a failure is the caller's and stops nobody behind it. */
  private inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.queues.get(key) ?? Promise.resolve()).then(work, work);
    this.queues.set(key, turn);
    const forget = (): void => {
      if (this.queues.get(key) === turn) this.queues.delete(key);
    };
    turn.then(forget, forget);
    return turn;
  }
}

/** Nothing can be decided about an experiment: the decision core itself failed. Trying again does not help. */
export class UndecidableError extends Error {
  override readonly name = 'UndecidableError';
}

function follow(state: KnownState, input: DeliveryInput): Followed {
  if (state.phase === 'quarantined') return followInQuarantine(state, input);
  try {
    const events = decider.decide(state, input);
    return { events, after: events.reduce(decider.evolve, state) };
  } catch (error) {
    if (error instanceof DecisionRefusedError) throw error;
    throw new UndecidableError(`deciding on "${input.type}" failed: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether something follows, or has to be found out to be impossible. */
function mayMove(state: DeliveryState, input: DeliveryInput): boolean {
  try {
    return decider.decide(state, input).length > 0;
  } catch {
    return true;
  }
}

/** What may be wrong is then the message, which must not speak for the whole experiment. */
function isFromTheBus({ type }: DeliveryInput): boolean {
  return type === 'analysed' || type === 'applied';
}
