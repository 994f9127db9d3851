import { hash } from 'node:crypto';

/** Bits of an event's digest that are of the event's own id; those above are of what it is about. */
const OWN_BITS = 40n;
const OWN_MASK = (1n << OWN_BITS) - 1n;
/** The form in which nearly all ids are: as 16 bytes less than half as long. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_BYTES = 16;

/** The first 64 bits of a text's SHA-256, as Postgres writes a `bigint`. */
export function textDigest(text: string): string {
  return bitsOf(text).toString();
}

/**
 * By which an event is known in a table of facts: 24 bits of what it is about (the request's or the generation's id) and 40 of its own id, so that all about one thing is found
 * by the key, without an index of its own.
 */
export function factDigest(about: string, id: string): string {
  return BigInt.asIntN(64, ((bitsOf(storable(about)) >> OWN_BITS) << OWN_BITS) | (bitsOf(id) & OWN_MASK)).toString();
}

/** Between which digests all events about something lie; few others do. */
export function digestsAbout(about: string): { readonly from: string; readonly to: string } {
  const from = (bitsOf(storable(about)) >> OWN_BITS) << OWN_BITS;
  return { from: from.toString(), to: (from | OWN_MASK).toString() };
}

/** An id as tables of facts keep it, as text of a `bytea`: a UUID as its 16 bytes, any other text as it is; a NUL tells what has 16 bytes and is none. */
export function packedId(id: string): string {
  if (UUID.test(id)) return `\\x${id.replaceAll('-', '')}`;
  const bytes = Buffer.from(storable(id));
  return `\\x${bytes.toString('hex')}${bytes.length === UUID_BYTES ? '00' : ''}`;
}

/** By which the generations of a variant are found. */
export function armDigest(experiment: string, revision: number, variant: string): string {
  const arm = `${experiment}/${revision}/${variant}`;
  const known = knownArms.get(arm);
  if (known !== undefined) return known;
  const digest = textDigest(arm);
  if (knownArms.size >= MOST_KNOWN_ARMS) knownArms.clear();
  knownArms.set(arm, digest);
  return digest;
}

/** Each generation asks for one of a few. */
const knownArms = new Map<string, string>();
const MOST_KNOWN_ARMS = 1_000;

/** The character that no text of Postgres may have. */
function storable(id: string): string {
  return id.replaceAll('\0', '\uFFFD');
}

function bitsOf(text: string): bigint {
  return hash('sha256', text, 'buffer').readBigInt64BE(0);
}
