import { decodeEvent, unstorableIn, type EncodedEvent } from '#libs/contracts';
import { deliveryEvent, type DeliveryEvent, type DeliveryState } from '#libs/delivery';
import type { Database, Queryable } from '#libs/persistence';
import { createExperimentStore, type ExperimentStore, type StoredDecisionEvent } from '#libs/persistence/decision';
import { createOutbox, type Outbox } from '#libs/persistence/outbox';
import { DECISIONS_CHANNEL, type DecisionNews } from './decision-news.js';
import { outgoingRecords } from './outgoing-records.js';
import { pinnedBy, type Quarantined } from './quarantine.js';
import { BrokenLogError, readStoredLog } from './stored-log.js';
import { EVENT_VERSION } from './upcast.js';

/** A state and the version it was read at; a save has to name that version. */
export interface Known {
  readonly state: KnownState;
  /** 0: nothing is stored under the key. */
  readonly version: number;
}

export type KnownState = DeliveryState | Quarantined;

/** A decision that the log or the bus could not give back as it was: it is not taken. Trying again does not help. */
export class UnstorableDecisionError extends Error {
  override readonly name = 'UnstorableDecisionError';
  constructor(
    event: DeliveryEvent,
    problems: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  ) {
    const told = problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    super(`"${event.type}" can't be kept: ${told}`);
  }
}

/** Somebody else keeps the experiment's rows locked. Nothing was written; trying again helps once the lock is gone. */
export class LogLockedError extends Error {
  override readonly name = 'LogLockedError';
}

/** How long a decision waits for the rows of its experiment. Another decision holds them for milliseconds. */
const LOCKED_AT_MOST_MS = 2_000;
/** How long any of its statements may take. */
const STATEMENT_AT_MOST_MS = 10_000;
/** What Postgres says when one of them is over: lock not available, query cancelled. */
const OVER: ReadonlySet<unknown> = new Set(['55P03', '57014']);

/**
 * The decision log of all experiments in Postgres. The log is the truth: states are always rebuilt from it; the state column beside it
 * is for readers of the table.
 */
export class DecisionLog {
  private readonly store: ExperimentStore;
  private readonly outbox: Outbox;

  constructor(
    private readonly database: Database,
    private readonly controller: string,
  ) {
    this.store = createExperimentStore(database);
    this.outbox = createOutbox(database);
  }

  async keys(): Promise<readonly string[]> {
    return (await this.store.list()).map(({ key }) => key);
  }

  /**
   * Rebuilds the present state; a log that can't be read is quarantined. A save between the two reads makes the version too old, which the
   * next save notices.
   */
  async load(key: string): Promise<Known> {
    const stored = await this.store.load(key);
    if (!stored) return { state: { phase: 'absent' }, version: 0 };
    const events = await this.store.events(key);
    try {
      return { state: readStoredLog(events), version: stored.version };
    } catch (error) {
      if (!(error instanceof BrokenLogError)) throw error;
      return { state: quarantine(key, error.message, events), version: stored.version };
    }
  }

  /** Of a log that can be read, but about which nothing can be decided. */
  async quarantine(key: string, version: number, reason: string): Promise<Known> {
    return { state: quarantine(key, reason, await this.store.events(key)), version };
  }

  /** The audit log, oldest first. */
  async audit(key: string): Promise<readonly StoredDecisionEvent[]> {
    return this.store.events(key);
  }

  /**
   * State, its events, and the news of them for the bus: one transaction.
   * @returns the new version.
   * @throws VersionConflictError when somebody else has decided meanwhile; UnstorableDecisionError for what could not be read back;
   *   LogLockedError when the experiment's rows stay locked. Nothing is written then.
   */
  async append(
    known: Known,
    events: readonly DeliveryEvent[],
    after: KnownState,
    traceparent: string | undefined,
  ): Promise<number> {
    if (after.phase === 'absent') throw new TypeError('an event can not lead to an absent experiment');
    const records = outgoingRecords(events, this.controller, traceparent);
    refuseUnreadable(events, records);
    const revision = after.phase === 'quarantined' ? after.pinned.revision : after.revision;
    return this.boundedTransaction(after.experiment, async (tx) => {
      const version = await this.store.save(tx, {
        key: after.experiment,
        revision,
        expectedVersion: known.version,
        ...(after.phase === 'quarantined' ? await this.columnsOf(after) : { state: after, spec: after.spec }),
        events: events.map((event) => ({
          revision,
          kind: event.type,
          data: { ...event, eventVersion: EVENT_VERSION },
          actor: event.actor,
          occurredAtMs: event.atMs,
        })),
      });
      await this.outbox.add(tx, records);
      const news: DecisionNews = { from: this.controller, experiment: after.experiment, what: 'decided' };
      await tx.query('select pg_notify($1, $2)', [DECISIONS_CHANNEL, JSON.stringify(news)]);
      return version;
    });
  }

  private async boundedTransaction<T>(experiment: string, work: (tx: Queryable) => Promise<T>): Promise<T> {
    try {
      return await this.database.transaction(async (tx) => {
        await tx.query(`select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)`, [
          String(LOCKED_AT_MOST_MS),
          String(STATEMENT_AT_MOST_MS),
        ]);
        return work(tx);
      });
    } catch (error) {
      if (!OVER.has((error as { readonly code?: unknown }).code)) throw error;
      throw new LogLockedError(
        `experiment ${experiment}: another session keeps its rows locked, nothing was decided: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  /** For readers of the table: the quarantine as the state, and the specification as it was. */
  private async columnsOf(state: Quarantined): Promise<{ readonly state: unknown; readonly spec: unknown }> {
    return { state, spec: (await this.store.load(state.experiment))?.spec ?? {} };
  }
}

function quarantine(experiment: string, reason: string, events: readonly StoredDecisionEvent[]): Quarantined {
  return { phase: 'quarantined', experiment, reason, pinned: pinnedBy(events) };
}

/** @throws UnstorableDecisionError for what the log or the bus would not give back as it was. */
function refuseUnreadable(events: readonly DeliveryEvent[], records: readonly EncodedEvent[]): void {
  for (const event of events) {
    const unstorable = unstorableIn(event);
    if (unstorable) throw new UnstorableDecisionError(event, [unstorable]);
    const read = deliveryEvent.safeParse(JSON.parse(JSON.stringify(event)));
    if (!read.success) throw new UnstorableDecisionError(event, read.error.issues);
  }
  for (const record of records) decodeEvent(record);
}
