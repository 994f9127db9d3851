/** Where SQL can be run: a pool, a transaction or a dedicated session. Values are bound, never interpolated. */
export interface Queryable {
  /** Rows of one statement. @throws the driver's error with the statement's first line in its message. */
  query<Row extends object = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** One connection held by its owner, for advisory locks and other session state. */
export interface DatabaseSession extends Queryable {
  readonly closed: boolean;
  /** Called once when the connection is lost: its advisory locks are gone. */
  onLost(listener: (error: Error) => void): void;
  release(): Promise<void>;
}

/** A Postgres database. */
export interface Database extends Queryable {
  readonly url: string;
  /** Runs `work` in one transaction; commits when it resolves, rolls back when it rejects. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  session(): Promise<DatabaseSession>;
  /** LISTEN on a channel; re-listens after a lost connection and then calls `onNotify` once so that nothing is missed. Returns how to stop. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}
