import { createHmac, timingSafeEqual } from 'node:crypto';

/** 128 bits: nobody guesses one, and no two texts meet. */
const USUAL_BYTES = 16;

/**
 * HMAC-SHA256 of a text, in base64url: whoever has no key can neither make it nor tell what it is of.
 * @param text begins with what the hash is for, so that none counts for something else under the same key
 * @param bytes of the hash that are kept, 32 at most
 */
export function keyedHash(key: string, text: string, bytes = USUAL_BYTES): string {
  return createHmac('sha256', key).update(text).digest().subarray(0, bytes).toString('base64url');
}

/** Compares in a time that tells nothing of what is expected but its length. */
export function isExpected(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
