import { rootOf } from '#libs/platform';

/** Nobody listens there, the way is broken, or the name is not known yet: of the network. Postgres itself: it ends, begins, or is full (SQLSTATE). */
const AWAY = new Set(
  'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN 57P01 57P02 57P03 53300 08000 08001 08003 08006'.split(
    ' ',
  ),
);
/** What the driver, and this library, say without a code. */
const AWAY_IN_WORDS = /^(Connection terminated|timeout e|no answer within)/;

/**
 * Whether a database could not be reached and may come by itself. What it answered (a wrong password, a database of another name) and what
 * concerns the way to talk to it (TLS) stays as it is.
 */
export function isDatabaseAway(error: unknown): boolean {
  const { code, message } = rootOf(error);
  return typeof code === 'string' ? AWAY.has(code) : AWAY_IN_WORDS.test(message);
}
