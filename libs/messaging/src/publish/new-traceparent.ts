import { randomBytes } from 'node:crypto';

/** W3C trace context of a trace that begins here: version, trace, first span, sampled. */
export function newTraceparent(): string {
  const bytes = randomBytes(24).toString('hex');
  return `00-${bytes.slice(0, 32)}-${bytes.slice(32)}-01`;
}
