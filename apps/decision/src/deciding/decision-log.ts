import type { DeliveryEvent, DeliveryState } from '#libs/delivery';
import { deliveryEvent, rebuild } from '#libs/delivery';
import type { Database } from '#libs/persistence';
import { createExperimentStore, type ExperimentStore, type StoredDecisionEvent } from '#libs/persistence/decision';
import { createOutbox, type Outbox } from '#libs/persistence/outbox';
import { DECISIONS_CHANNEL, type DecisionNews } from './decision-news.js';
import { outgoingRecords } from './outgoing-records.js';

/** A state and the version it was read at; a save has to name that version. */
export interface Known {
  readonly state: DeliveryState;
  /** 0: nothing is stored under the key. */
  readonly version: number;
}

/** The log as it is stored could not be read: somebody has to look at it, no decision is taken on a guess. */
export class BrokenLogError extends Error {
  override readonly name = 'BrokenLogError';
}

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

  /** Rebuilds the present state. A save between the two reads makes the version too old, which the next save notices. */
  async load(key: string): Promise<Known> {
    const stored = await this.store.load(key);
    if (!stored) return { state: { phase: 'absent' }, version: 0 };
    return { state: rebuild((await this.store.events(key)).map(parseStored)), version: stored.version };
  }

  /** The audit log, oldest first. */
  async audit(key: string): Promise<readonly StoredDecisionEvent[]> {
    return this.store.events(key);
  }

  /**
   * State, its events, and the news of them for the bus: one transaction.
   * @returns the new version.
   * @throws VersionConflictError when somebody else has decided meanwhile; nothing is written then.
   */
  async append(
    known: Known,
    events: readonly DeliveryEvent[],
    after: DeliveryState,
    traceparent: string | undefined,
  ): Promise<number> {
    if (after.phase === 'absent') throw new TypeError('an event can not lead to an absent experiment');
    const records = outgoingRecords(events, this.controller, traceparent);
    return this.database.transaction(async (tx) => {
      const version = await this.store.save(tx, {
        key: after.experiment,
        revision: after.revision,
        expectedVersion: known.version,
        state: after,
        spec: after.spec,
        events: events.map((event) => ({
          revision: after.revision,
          kind: event.type,
          data: event,
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
}

function parseStored({ experiment, sequence, data }: StoredDecisionEvent): DeliveryEvent {
  const parsed = deliveryEvent.safeParse(data);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new BrokenLogError(`decision event ${sequence} of ${experiment} is none this version understands: ${problems}`);
}
