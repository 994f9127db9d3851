import type { Database } from '../postgres/database.js';
import { OrderAnswerEntity } from '../schema/entities/order-answer.entity.js';

/** An order that says which one it is. */
export interface KeyedOrder {
  readonly caller: string;
  readonly key: string;
  /** Digest of all that says what is ordered. */
  readonly request: string;
}

export interface OrderAnswer {
  readonly status: number;
  readonly etag: string | null;
  /** JSON. */
  readonly body: string;
}

/** What has become of an order: it is the caller's to carry out, is being carried out, was answered, or its key is another order's. */
export type OrderStanding = 'yours' | 'under-way' | 'another-order' | OrderAnswer;

/** Answers to orders with an idempotency key. */
export interface OrderAnswerStore {
  /** Takes an order on, unless somebody has. */
  readonly begin: (order: KeyedOrder) => Promise<OrderStanding>;
  /** Keeps the answer to an order that was begun. */
  readonly keep: (order: KeyedOrder, answer: OrderAnswer) => Promise<void>;
  /** Nothing came of it: it may be sent again. */
  readonly forget: (order: KeyedOrder) => Promise<void>;
}

/** As people expect of such keys; most retries come within minutes. */
const KEPT = '24 hours';
/** Of each caller: who sends more orders in a day than this repeats none of the first ones. */
const KEPT_PER_CALLER = 1_000;
/** Longer than any order takes: whoever has begun it is gone, and it is carried out anew. */
const ABANDONED_AFTER = '60 seconds';

export function createOrderAnswerStore(database: Database): OrderAnswerStore {
  return {
    begin: (order) => begin(database, order),
    async keep({ caller, key }, { status, etag, body }) {
      await database.query(
        `update teststrip.order_answers set status = $3, etag = $4, body = $5
          where caller = $1 and key = $2 and status is null`,
        [caller, key, status, etag, body],
      );
    },
    async forget({ caller, key }) {
      await database.query('delete from teststrip.order_answers where caller = $1 and key = $2 and status is null', [
        caller,
        key,
      ]);
    },
  };
}

async function begin(database: Database, { caller, key, request }: KeyedOrder): Promise<OrderStanding> {
  await forgetOld(database, caller);
  const taken = await database.query(
    `insert into teststrip.order_answers (caller, key, request) values ($1, $2, $3)
     on conflict (caller, key) do update set begun_at = now()
      where order_answers.status is null and order_answers.request = excluded.request
        and order_answers.begun_at < now() - interval '${ABANDONED_AFTER}'
     returning 1`,
    [caller, key, request],
  );
  if (taken.length > 0) return 'yours';
  const found = await (await database.reads()).findOneBy(OrderAnswerEntity, { caller, key });
  // Forgotten in between: whoever had it on is done with it, and the next try begins it.
  if (!found) return 'under-way';
  if (found.request !== request) return 'another-order';
  const { status, etag, body } = found;
  return status === null ? 'under-way' : { status, etag, body: body ?? 'null' };
}

/** Those of others as well: who never comes back forgets none of their own. */
async function forgetOld(database: Database, caller: string): Promise<void> {
  await database.query(
    `delete from teststrip.order_answers where (caller, key) in (
       select caller, key from teststrip.order_answers
        where begun_at < now() - interval '${KEPT}'
           or (caller = $1 and status is not null and begun_at <= (
                 select begun_at from teststrip.order_answers where caller = $1
                  order by begun_at desc offset ${KEPT_PER_CALLER - 1} limit 1))
          for update skip locked)`,
    [caller],
  );
}
