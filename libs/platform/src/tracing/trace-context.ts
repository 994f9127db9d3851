import { randomFillSync } from 'node:crypto';

/** Of a trace and of its first span. */
const ID_BYTES = 24;
/** Asking for randomness costs as much for one trace as for many. */
const pool = Buffer.allocUnsafe(ID_BYTES * 128);
let used = pool.length;

/** W3C trace context of a trace that begins here. */
export function newTraceparent(isSampled = true): string {
  const ids = randomHex(ID_BYTES);
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-${isSampled ? '01' : '00'}`;
}

/** The ids in a trace context, in hexadecimal. */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** @param traceparent of W3C's form */
export function idsIn(traceparent: string): TraceIds {
  const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-');
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The same trace with another span. */
export function nextSpanOf(traceparent: string): string {
  const [, traceId = '', , flags = '00'] = traceparent.split('-');
  return `00-${traceId}-${randomHex(8)}-${flags}`;
}

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += bytes;
  return pool.toString('hex', at, at + bytes);
}
