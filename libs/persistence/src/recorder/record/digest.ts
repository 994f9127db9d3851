import { hash } from 'node:crypto';
import type { TeststripEvent } from '#libs/contracts';

/**
 * The first 64 bits of a text's SHA-256, as Postgres writes a `bigint`. In place of the ids of events, which are twice as long as all else that their rows need for
 * being found, and of documents that many rows share.
 */
export function textDigest(text: string): string {
  return hash('sha256', text, 'buffer').readBigInt64BE(0).toString();
}

/** It is asked when an event is looked for, and for each row that is written of it. */
const digests = new WeakMap<object, string>();

/** By which an event is known. */
export function eventDigest(event: Pick<TeststripEvent, 'id'>): string {
  const known = digests.get(event);
  if (known !== undefined) return known;
  const digest = textDigest(event.id);
  digests.set(event, digest);
  return digest;
}
