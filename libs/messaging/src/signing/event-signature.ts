import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { OutgoingRecord } from '../event-bus.js';

/** CloudEvents extension attribute `signature`, in binary mode: `<key id>.<Ed25519 signature in base64url>`. */
export const SIGNATURE_HEADER = 'ce_signature';

/** Attributes that are signed with topic, key and data: what an event is, who says it and when. */
const SIGNED_HEADERS = ['ce_id', 'ce_type', 'ce_source', 'ce_subject', 'ce_time'];

/** The parts of a record that a signature is about, as it is published or as it was received. */
export interface SignableRecord {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly headers: Readonly<Record<string, string | Buffer | undefined>>;
  readonly value: Buffer | null;
}

/** How a public key is written in configuration and files: its 32 bytes in base64url (`x` of RFC 8037). */
export function publicKeyText(key: KeyObject): string {
  return String(key.export({ format: 'jwk' }).x);
}

/** @throws Error for what is no public key of Ed25519 */
export function readPublicKey(text: string): KeyObject {
  if (!/^[\w-]{43}$/.test(text)) throw new Error(`"${text}": expected 43 letters, digits, - and _`);
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text }, format: 'jwk' });
}

/** Short name of a public key, by which a signature says whose it is. */
export function keyIdOf(publicKey: string): string {
  return publicKey.slice(0, 12);
}

/** The record with its signature. */
export function signRecord<Signed extends OutgoingRecord>(record: Signed, key: KeyObject, keyId: string): Signed {
  const signature = sign(null, signedBytes(record), key).toString('base64url');
  return { ...record, headers: { ...record.headers, [SIGNATURE_HEADER]: `${keyId}.${signature}` } };
}

/** By whose key a record claims to be signed; undefined where it is not. */
export function claimedKeyId({ headers }: SignableRecord): string | undefined {
  const text = headers[SIGNATURE_HEADER]?.toString();
  return text === undefined ? undefined : text.slice(0, Math.max(0, text.indexOf('.')));
}

/** Whether the key has signed this record, byte for byte. */
export function isSignedBy(record: SignableRecord, key: KeyObject): boolean {
  const text = record.headers[SIGNATURE_HEADER]?.toString() ?? '';
  return verify(null, signedBytes(record), key, Buffer.from(text.slice(text.indexOf('.') + 1), 'base64url'));
}

/** Unambiguous: a list of texts as JSON, each in base64, a zero byte, which JSON never holds, and the data. */
function signedBytes({ topic, key, headers, value }: SignableRecord): Buffer {
  const parts = [topic, key, ...SIGNED_HEADERS.map((name) => headers[name])].map((part) =>
    part === undefined || part === null ? null : Buffer.from(part).toString('base64'),
  );
  const head = JSON.stringify(['teststrip-order-1', ...parts]);
  return Buffer.concat([Buffer.from(head), Buffer.of(0), value ?? Buffer.of()]);
}
