import type { Database, Queryable } from '../postgres/database.js';
import { ServiceEntity } from '../schema/entities/service.entity.js';
import { ServiceEventEntity } from '../schema/entities/service-event.entity.js';
import type { NewDecisionEvent } from './append-decision-events.js';
import { VersionConflictError } from './save-experiment.js';

/** Parse `state` at the door. */
export type StoredService = ServiceEntity;
export type StoredServiceEvent = ServiceEventEntity;

interface ServiceChange {
  readonly name: string;
  /** The version that was loaded; 0 for a service that is not stored yet. */
  readonly expectedVersion: number;
  readonly epoch: number;
  /** JSON value, for readers of the table. */
  readonly state: unknown;
  /** What led from the loaded state to this one. */
  readonly events: readonly Omit<NewDecisionEvent, 'revision'>[];
}

/** State of the services, and the log of what happened to them. */
export interface ServiceStore {
  /** The service as last committed; undefined where none of that name is stored. */
  readonly load: (name: string) => Promise<StoredService | undefined>;
  /** All that are stored, by name. */
  readonly list: () => Promise<readonly StoredService[]>;
  /**
   * The same in the caller's transaction, which nobody else gets until it has ended: what is decided upon all of them together is still so when it is stored.
   * `state` is JSON as it was saved.
   */
  readonly listExclusively: (tx: Queryable) => Promise<readonly Pick<StoredService, 'name' | 'state'>[]>;
  /** Oldest first. */
  readonly events: (name: string) => Promise<readonly StoredServiceEvent[]>;
  /**
   * Writes the new state and appends the events that led to it, in the caller's transaction.
   * @returns the new version.
   * @throws VersionConflictError when somebody else has saved since the version given.
   */
  readonly save: (tx: Queryable, change: ServiceChange) => Promise<number>;
}

export function createServiceStore(database: Database): ServiceStore {
  return {
    load: async (name) => (await (await database.reads()).findOneBy(ServiceEntity, { name })) ?? undefined,
    list: async () => (await database.reads()).find(ServiceEntity, { order: { name: 'asc' } }),
    listExclusively,
    events: async (service) =>
      (await database.reads()).find(ServiceEventEntity, { where: { service }, order: { sequence: 'asc' } }),
    save: saveService,
  };
}

async function listExclusively(tx: Queryable): Promise<readonly Pick<StoredService, 'name' | 'state'>[]> {
  await tx.query(`select pg_advisory_xact_lock(hashtext('teststrip.services'))`);
  // A statement of its own: it sees what whoever had the lock before has stored.
  return tx.query('select name, state from teststrip.services order by name');
}

async function saveService(tx: Queryable, change: ServiceChange): Promise<number> {
  const { name, expectedVersion, epoch, state, events } = change;
  const rows =
    expectedVersion === 0
      ? await tx.query(
          `insert into teststrip.services (name, version, epoch, state) values ($1, 1, $2, $3::jsonb)
           on conflict (name) do nothing returning 1`,
          [name, epoch, JSON.stringify(state)],
        )
      : await tx.query(
          `update teststrip.services set version = version + 1, epoch = $3, state = $4::jsonb, updated_at = now()
            where name = $1 and version = $2 returning 1`,
          [name, expectedVersion, epoch, JSON.stringify(state)],
        );
  if (rows.length === 0) {
    throw new VersionConflictError(
      `service ${name}: expected version ${expectedVersion}, but it was saved by somebody else since; load it and decide again`,
    );
  }
  // The row that was just saved is locked: nobody else appends meanwhile.
  await tx.query(
    `insert into teststrip.service_events (service, sequence, kind, data, actor, occurred_at)
     select $1, last.sequence + given.position, given.kind, given.data, given.actor, to_timestamp(given.occurred_at_ms / 1000)
       from (select coalesce(max(sequence), 0) as sequence from teststrip.service_events where service = $1) as last,
            unnest($2::text[], $3::jsonb[], $4::text[], $5::float8[]) with ordinality
              as given (kind, data, actor, occurred_at_ms, position)`,
    [
      name,
      events.map(({ kind }) => kind),
      events.map(({ data }) => JSON.stringify(data)),
      events.map(({ actor }) => actor),
      events.map(({ occurredAtMs }) => occurredAtMs),
    ],
  );
  return expectedVersion + 1;
}
