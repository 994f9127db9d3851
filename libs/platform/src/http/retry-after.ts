/**
 * How long an answer asks to be left alone, by its `retry-after`: seconds, or until a time (RFC 9110 §10.2.3).
 * @returns milliseconds; 0 where it does not ask, or can't be read
 */
export function retryAfterMs(asked: string | null | undefined, nowMs = Date.now()): number {
  const text = asked ?? '';
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? 1000 * Number(text) : Date.parse(text) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
