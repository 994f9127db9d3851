import type { Database, Queryable } from '../postgres/database.js';

export interface NewNotification {
  /** Name of the receiver. */
  readonly receiver: string;
  readonly experiment: string;
  /** By which the receiver recognises a repeated delivery. */
  readonly notificationId: string;
  /** As it is sent, byte for byte. */
  readonly body: string;
}

export interface ClaimedNotification extends NewNotification {
  readonly id: number;
  /** With the one that it is claimed for. */
  readonly attempts: number;
}

/** What a receiver has not got. */
export interface ReceiverBacklog {
  readonly receiver: string;
  readonly waiting: number;
  /** Given up in the last 30 days. */
  readonly undeliverable: number;
  /** When the oldest that waits was added; null where none does. */
  readonly oldestAt: Date | null;
  /** Of the newest one that failed. */
  readonly lastError: string | null;
}

/** What people are to be told: written with the decision, in order per receiver and experiment until the receiver has it. */
export interface NotificationStore {
  /** In the transaction of the decision. */
  readonly add: (tx: Queryable, notifications: readonly NewNotification[]) => Promise<void>;
  /**
   * Of each experiment the oldest that the receiver has not got, where it is due. Nobody else gets them for `leaseMs`: an attempt has to end by
   * then, and one that was lost with its process is tried again after it.
   */
  readonly claim: (receiver: string, limit: number, leaseMs: number) => Promise<readonly ClaimedNotification[]>;
  readonly delivered: (id: number) => Promise<void>;
  readonly postpone: (id: number, delayMs: number, error: string) => Promise<void>;
  /** The next of its experiment is tried from now on. */
  readonly giveUp: (id: number, error: string) => Promise<void>;
  /** Deletes what is older than 30 days: nobody waits for it, or its receiver is configured no more. */
  readonly forgetOld: () => Promise<void>;
  readonly backlog: () => Promise<readonly ReceiverBacklog[]>;
}

export function createNotificationStore(database: Database): NotificationStore {
  return {
    add: addNotifications,
    claim: (receiver, limit, leaseMs) => claimNotifications(database, receiver, limit, leaseMs),
    async delivered(id) {
      await database.query('delete from teststrip.notifications where id = $1', [id]);
    },
    async postpone(id, delayMs, error) {
      await database.query(
        `update teststrip.notifications set due_at = now() + $2 * interval '1 millisecond', last_error = $3 where id = $1`,
        [id, delayMs, error],
      );
    },
    async giveUp(id, error) {
      await database.query(`update teststrip.notifications set given_up_at = now(), last_error = $2 where id = $1`, [
        id,
        error,
      ]);
    },
    async forgetOld() {
      await database.query(`delete from teststrip.notifications where added_at < now() - interval '30 days'`);
    },
    backlog: () => readBacklog(database),
  };
}

async function addNotifications(tx: Queryable, notifications: readonly NewNotification[]): Promise<void> {
  if (notifications.length === 0) return;
  await tx.query(
    `insert into teststrip.notifications (receiver, experiment, notification_id, body)
     select receiver, experiment, notification_id, body
       from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality
         as given (receiver, experiment, notification_id, body, position)
      order by position`,
    [
      notifications.map(({ receiver }) => receiver),
      notifications.map(({ experiment }) => experiment),
      notifications.map(({ notificationId }) => notificationId),
      notifications.map(({ body }) => body),
    ],
  );
}

/** Ids follow the decisions: those of one experiment are taken one after the other, under the lock on its row. */
function claimNotifications(
  database: Database,
  receiver: string,
  limit: number,
  leaseMs: number,
): Promise<readonly ClaimedNotification[]> {
  return database.query<ClaimedNotification>(
    `update teststrip.notifications as claimed
        set attempts = attempts + 1, due_at = now() + $3 * interval '1 millisecond'
      where id in (
        select id from teststrip.notifications as head
         where receiver = $1 and given_up_at is null and due_at <= now()
           and not exists (
             select 1 from teststrip.notifications as earlier
              where earlier.receiver = $1 and earlier.experiment = head.experiment
                and earlier.id < head.id and earlier.given_up_at is null)
         order by id
         limit $2
           for update skip locked)
      returning id, receiver, experiment, notification_id as "notificationId", body, attempts`,
    [receiver, limit, leaseMs],
  );
}

/** SQL: aggregates of one moment. */
function readBacklog(database: Database): Promise<readonly ReceiverBacklog[]> {
  return database.query<ReceiverBacklog>(
    `select receiver,
            count(*) filter (where given_up_at is null)::integer as waiting,
            count(given_up_at)::integer as undeliverable,
            min(added_at) filter (where given_up_at is null) as "oldestAt",
            (array_agg(last_error order by id desc) filter (where last_error is not null))[1] as "lastError"
       from teststrip.notifications
      group by receiver
      order by receiver`,
  );
}
