import { hash } from 'node:crypto';

/**
 * The first 64 bits of a text's SHA-256, as Postgres writes a `bigint`. In place of the ids of events, which are twice as long as all else that their rows need for
 * being found, and of documents that many rows share.
 */
export function textDigest(text: string): string {
  return hash('sha256', text, 'buffer').readBigInt64BE(0).toString();
}
