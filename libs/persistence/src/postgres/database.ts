import type { EntityManager } from 'typeorm';

/** Where SQL can be run: a pool, a transaction or a dedicated session. Values are bound, never interpolated. */
export interface Queryable {
  /**
   * Rows of one statement. `bigint` columns come as numbers (every bigint of this project is a count or a position below 2^53),
   * `numeric` as text, `bytea` as Buffer, `timestamptz` as Date, `json` parsed.
   * @throws the driver's error (its `code` is the SQLSTATE) with the statement's first line in its message.
   */
  query<Row extends object = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<Row[]>;
}

/** A transaction under way. */
export interface Transaction extends Queryable {
  /**
   * Writes rows in bulk, several times as fast as `insert`: of a row that breaks a constraint nothing is written at all.
   * @param sql `copy <table> (<columns>) from stdin`
   * @param rows in Postgres' text format: see `copyRow`
   * @throws the driver's error, as `query` does.
   */
  copyIn(sql: string, rows: string): Promise<void>;
}

export interface QueryOptions {
  /** Longest wait for the answer, milliseconds; 0 for as long as it takes: for who waits for a lock. Default that of the database, a minute. */
  readonly answerWithinMs?: number;
  /** Keeps the parsed statement on the connection under this name. For statements that run many times a second; one name, one SQL text. */
  readonly prepareAs?: string;
}

/** One connection held by its owner, for advisory locks and other session state. */
export interface DatabaseSession extends Queryable {
  readonly closed: boolean;
  /** Called once when the connection is lost: its advisory locks are gone. */
  onLost(listener: (error: Error) => void): void;
  release(): Promise<void>;
}

export interface TransactionOptions {
  /** Longest wait for a row or table that somebody else has locked, milliseconds; beyond it the statement fails with SQLSTATE 55P03. The commit itself waits as long as an answer may take. Default: for as long as an answer may take. */
  readonly lockedAtMostMs?: number;
}

/** A Postgres database. */
export interface Database extends Queryable {
  readonly url: string;
  /** Runs `work` in one transaction; commits when it resolves, rolls back when it rejects. */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * The same database, whose statements and transactions run on a few connections of their own: for what must not wait while bulk work has all of the
   * pool. Closed with the database it was made of.
   * @param connections how many at most; they are opened when they are first needed
   */
  ahead(connections: number): Database;
  /**
   * TypeORM's repositories, for plain reads: on a few connections of their own, on which Postgres refuses to write. They are opened by
   * the first call and closed with the database.
   */
  reads(): Promise<EntityManager>;
  /** A connection of its own, outside the pool. */
  session(): Promise<DatabaseSession>;
  /** LISTEN on a channel; re-listens after a lost connection and then calls `onNotify` once with '' so that nothing is missed. Returns how to stop. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}
