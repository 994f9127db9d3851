import type { MemberWitness } from '#libs/messaging';
import { endSilentSessions, type Database, type DatabaseSession, type Queryable } from '#libs/persistence';

/** Advisory lock of the one analyzer that folds and publishes ("analyzer" in the letters' positions, any constant would do). */
const LOCK = 1_142_595_826;
/** Conditions on pg_locks. The lock's one key is stored in two halves. */
const IS_OURS = `locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())`;
const IS_HELD = `${IS_OURS} and objsubid = 1 and classid = 0 and objid = ${LOCK}`;
const BETWEEN_TRIES_MS = 250;
/** How long a leader may ask nothing before another analyzer ends its session: its process is stopped, or its machine hangs. */
const HUNG_AFTER_MS = 7_000;

export interface Leadership {
  /** Resolves when the lock is lost with its connection: stop writing. */
  readonly lost: Promise<Error>;
  /** False where the database has not answered for so long that another analyzer may have the lead: say nothing until it does. */
  isCertain(): boolean;
  /** For how long it is certain after an answer. */
  readonly certainForMs: number;
  /** @throws LeadLostError where another analyzer may have the lead; in the transaction of what is written, which must then be rolled back */
  assertHeld(tx: Queryable): Promise<void>;
  /** By the sessions of the analyzers, which end with their processes, or are ended by the others. */
  readonly witness: MemberWitness;
  release(): Promise<void>;
}

/** A process that was stopped, and woke when another one had its lead. */
export class LeadLostError extends Error {
  override readonly name = 'LeadLostError';
}

/** `alone`: nobody else reads. `shared`: others read as well, each of them its share, and nobody alone. */
export type Lead = 'alone' | 'shared';

/**
 * Waits until no other analyzer holds the lead. Evidence of all partitions meets in one place to be merged, so exactly one
 * process folds; others stand by and take over from the snapshots when its connection ends, which they end themselves when it is silent.
 * Analyzers that share the partitions hold it together, and wait for one that reads alone.
 * @param hungAfterMs of a leader's silence; default 7 s
 */
export async function takeTheLead(
  database: Database,
  signal: AbortSignal,
  hungAfterMs = HUNG_AFTER_MS,
  lead: Lead = 'alone',
): Promise<Leadership | null> {
  const session = await database.session();
  // Before the lock is asked for: the connection may break right after it was granted.
  const lost = new Promise<Error>((resolve) => session.onLost(resolve));
  while (!signal.aborted) {
    if (await isMine(session, lead)) return leadershipOf(session, lost, hungAfterMs);
    // What it writes when it wakes is refused: see `Leadership.assertHeld`.
    await endSilentSessions(session, { keys: 1, classIds: [0], objectId: LOCK }, hungAfterMs);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
  }
  await session.release();
  return null;
}

async function leadershipOf(session: DatabaseSession, lost: Promise<Error>, hungAfterMs: number): Promise<Leadership> {
  let askedAtMs = performance.now();
  const [row] = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  const showLife = async (): Promise<void> => {
    const atMs = performance.now();
    await session.query('select 1');
    askedAtMs = atMs;
  };
  const life = setInterval(() => void showLife().catch(() => undefined), hungAfterMs / 4);
  void lost.then(() => clearInterval(life));
  return {
    lost,
    isCertain: () => performance.now() - askedAtMs < CERTAIN_FOR * hungAfterMs,
    certainForMs: CERTAIN_FOR * hungAfterMs,
    assertHeld: (tx) => assertHeldBy(tx, row!.pid),
    witness: witnessBy(session),
    release: () => {
      clearInterval(life);
      return session.release();
    },
  };
}

/** Of the time after which others end the session, that from which on it may be ended already for all that is known here. */
const CERTAIN_FOR = 0.75;

/** The session, and with it the lock, is a generation: it never comes back. */
async function assertHeldBy(tx: Queryable, pid: number): Promise<void> {
  const held = await tx.query(`select 1 from pg_locks where ${IS_HELD} and pid = $1`, [pid]);
  if (held.length === 0) throw new LeadLostError('the lead was lost: nothing is saved');
}

/** Class of advisory locks with two keys, the second of which is a member's: beside those of the carrier on Postgres. */
const MEMBER_CLASS = 0x5653_0000;

/** One lock for each member, of the session that has the lead. */
function witnessBy(session: DatabaseSession): MemberWitness {
  const entered = new Set<string>();
  return {
    async enter(member) {
      if (entered.has(member)) return;
      await session.query('select pg_advisory_lock_shared($1, hashtext($2))', [MEMBER_CLASS, member]);
      entered.add(member);
    },
    async missing(members) {
      const rows = await session.query<{ member: string }>(
        `select member from unnest($2::text[]) as member
          where not exists (
            select from pg_locks where ${IS_OURS} and objsubid = 2 and classid = $1::oid and objid = hashtext(member)::oid)`,
        [MEMBER_CLASS, members],
      );
      return rows.map(({ member }) => member);
    },
  };
}

async function isMine(session: DatabaseSession, lead: Lead): Promise<boolean> {
  const lock = lead === 'alone' ? 'pg_try_advisory_lock' : 'pg_try_advisory_lock_shared';
  const [row] = await session.query<{ mine: boolean }>(`select ${lock}($1) as mine`, [LOCK]);
  return row?.mine === true;
}

/** Whether any analyzer holds the lead. */
export async function isLed(database: Queryable): Promise<boolean> {
  const [row] = await database.query<{ led: boolean }>(`select exists (select from pg_locks where ${IS_HELD}) as led`);
  return row?.led === true;
}
