import { randomFillSync } from 'node:crypto';

/** Of a trace and of its first span. */
const ID_BYTES = 24;
/** Asking for randomness costs as much for one trace as for many. */
const pool = Buffer.allocUnsafe(ID_BYTES * 128);
let used = pool.length;

/** W3C trace context of a trace that begins here, sampled. */
export function newTraceparent(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += ID_BYTES;
  const ids = pool.toString('hex', at, at + ID_BYTES);
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`;
}
