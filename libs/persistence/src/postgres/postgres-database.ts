import { Client, Pool, types, type ClientBase, type ClientConfig } from 'pg';
import { CopyIn } from './copy-in.js';
import type { Database, DatabaseSession, QueryOptions, Transaction, TransactionOptions } from './database.js';
import { openListener } from './notifications.js';
import { openReads } from './reads.js';
import { hangUp, isUnanswered } from './unanswered.js';

export interface OpenDatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** Pool size. Default 8: on the small machines this runs on, more connections only queue inside Postgres. */
  readonly maxConnections?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /**
   * How long a statement may go unanswered before its connection counts as lost, milliseconds. Default 60 000: a server that is stopped, or a network that
   * drops everything, closes no connection.
   */
  readonly answerWithinMs?: number;
}

const ANSWER_WITHIN_MS = 60_000;

/**
 * Opens a pool on a Postgres database and proves with one query that it answers.
 * @throws Error naming the address (without the password) when it does not.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { url, applicationName = 'teststrip', answerWithinMs = ANSWER_WITHIN_MS } = options;
  const config = connectionConfig(url, applicationName);
  const connections: Connections = { config, answerWithinMs };
  const pool = openPool(connections, options.maxConnections ?? 8);
  try {
    await runQuery(pool, 'SELECT 1', [], { answerWithinMs });
  } catch (error) {
    await pool.end();
    throw new Error(`Postgres at ${withoutPassword(url)} does not answer: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const listener = openListener(config, answerWithinMs);
  const reads = openReads(url, applicationName, answerWithinMs);
  const pools = [pool];
  let closing: Promise<void> | undefined;
  const database: Database = {
    url,
    ...onPool(pool, answerWithinMs),
    ahead: (most) => {
      const ownPool = openPool(connections, most);
      pools.push(ownPool);
      return { ...database, ...onPool(ownPool, answerWithinMs) };
    },
    reads: () => reads.manager(),
    session: () => openSession(connections),
    listen: (channel, onNotify) => listener.listen(channel, onNotify),
    close: () =>
      (closing ??= Promise.all([listener.close(), reads.close(), ...pools.map((one) => one.end())]).then(
        () => undefined,
      )),
  };
  return database;
}

function openPool({ config }: Connections, max: number): Pool {
  const pool = new Pool({ ...config, max });
  // An idle connection that breaks is replaced by the next query; without a listener the process would end.
  pool.on('error', () => undefined);
  return pool;
}

function onPool(pool: Pool, answerWithinMs: number): Pick<Database, 'query' | 'transaction'> {
  return {
    query: (sql, values, options) => runQuery(pool, sql, values, { answerWithinMs, ...options }),
    transaction: (work, options) => runTransaction(pool, { answerWithinMs, ...options }, work),
  };
}

/** How connections outside of the pool are opened. */
interface Connections {
  readonly config: ClientConfig;
  readonly answerWithinMs: number;
}

async function runTransaction<T>(
  pool: Pool,
  { answerWithinMs, lockedAtMostMs }: TransactionOptions & { readonly answerWithinMs: number },
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let lost: Error | undefined;
  // Between two statements nobody waits for the connection: without a listener its end would be that of the process.
  const onLost = (error: Error): void => void (lost ??= error);
  client.on('error', onLost);
  let broken: Error | undefined;
  const query: Transaction['query'] = (sql, values, options) =>
    runQuery(client, sql, values, { answerWithinMs, ...options });
  try {
    // In one message: both are answered at once.
    await query(
      lockedAtMostMs === undefined ? 'BEGIN' : `BEGIN; SET LOCAL lock_timeout = ${Math.ceil(lockedAtMostMs)}`,
    );
    const result = await work({ query, copyIn: (sql, rows) => copyIn(client, sql, rows, answerWithinMs) });
    // What a commit waits for is the disk of those before it, which hold the queue of notifications meanwhile: it is nobody's row.
    await query(lockedAtMostMs === undefined ? 'COMMIT' : 'SET LOCAL lock_timeout = 0; COMMIT');
    return result;
  } catch (error) {
    // Behind a statement without an answer nothing is answered.
    if (isUnanswered(error)) broken = error;
    else await query('ROLLBACK').catch((rollbackError: Error) => (broken = rollbackError));
    throw lost ? lostInTransaction(lost, error as Error) : error;
  } finally {
    // A connection that is lost or could not roll back is destroyed instead of going back to the pool, which listens from here on.
    client.release(lost ?? broken);
    client.off('error', onLost);
  }
}

/** What the next statement says of it is only that the connection can't be used. */
function lostInTransaction(lost: Error, told: Error): Error {
  const error = new Error(`the connection was lost in a transaction: ${lost.message}; ${told.message}`, {
    cause: lost,
  });
  return Object.assign(error, { code: (lost as { readonly code?: string }).code });
}

async function openSession({ config, answerWithinMs }: Connections): Promise<DatabaseSession> {
  const client = new Client(config);
  let closed = false;
  let lostListeners: ((error: Error) => void)[] = [];
  const lose = (error: Error): void => {
    if (closed) return;
    closed = true;
    const listeners = lostListeners;
    lostListeners = [];
    for (const listener of listeners) listener(error);
  };
  client.on('error', lose);
  client.on('end', () => lose(new Error('the Postgres session ended')));
  await client.connect();
  // The driver wants one statement at a time on a connection; callers of a session don't know of each other.
  let idle: Promise<unknown> = Promise.resolve();
  return {
    get closed() {
      return closed;
    },
    query: <Row extends object>(sql: string, values?: readonly unknown[], options?: QueryOptions) => {
      const result = idle.then(() => runQuery<Row>(client, sql, values, { answerWithinMs, ...options }));
      // Its locks may be held on the other side still; who is not answered can't know, and must not act as if they were his.
      result.catch((error: unknown) => {
        if (!isUnanswered(error)) return;
        lose(error);
        hangUp(client);
      });
      idle = result.catch(() => undefined);
      return result;
    },
    onLost: (listener) => lostListeners.push(listener),
    release: async () => {
      if (closed) return;
      closed = true;
      await client.end();
    },
  };
}

async function runQuery<Row extends object>(
  runner: Pool | ClientBase,
  sql: string,
  values?: readonly unknown[],
  options?: QueryOptions,
): Promise<Row[]> {
  try {
    const config = {
      text: sql,
      values: values as unknown[] | undefined,
      name: options?.prepareAs,
      // The driver reads it from here as well; its types know it of connections alone.
      query_timeout: options?.answerWithinMs,
    };
    const result = await runner.query(config);
    return result.rows as Row[];
  } catch (error) {
    throw withStatement(error, sql, options?.answerWithinMs);
  }
}

async function copyIn(client: ClientBase, sql: string, rows: string, answerWithinMs: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      client.query(new CopyIn(sql, rows, answerWithinMs, (error) => (error ? reject(error) : resolve())));
    });
  } catch (error) {
    throw withStatement(error, sql, answerWithinMs);
  }
}

/** The error, whose message says of which statement it is. */
function withStatement(error: unknown, sql: string, answerWithinMs: number | undefined): unknown {
  if (isUnanswered(error)) error.message = `no answer within ${answerWithinMs} ms`;
  if (error instanceof Error) error.message = `${error.message} (in: ${firstLine(sql)})`;
  return error;
}

function connectionConfig(url: string, applicationName: string): ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types: { getTypeParser: typeParser as typeof types.getTypeParser },
  };
}

const readAsNumber = (text: string): number => Number(text);

/** Always text: pg reads every field as UTF-8, so what it hands on as binary is damaged from the byte 0x80 on. */
function typeParser(oid: number, format?: 'text' | 'binary'): unknown {
  if (oid === types.builtins.INT8) return readAsNumber;
  return types.getTypeParser(oid, format as 'text');
}

function firstLine(sql: string): string {
  return sql.trim().split('\n', 1)[0]!.trim().slice(0, 120);
}

/** An address for people. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/([^:/@]*):[^@]*@/, '//$1@');
}
