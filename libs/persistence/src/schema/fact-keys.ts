import { hash } from 'node:crypto';

/** Hexadecimal digits of 64 bits; of an event's digest those that are of what it is about come first, then those of its own id. */
const DIGITS = 16;
const DIGITS_ABOUT = 6;
const OWN_MASK = (1n << BigInt(4 * (DIGITS - DIGITS_ABOUT))) - 1n;
/** The form in which nearly all ids are: as 16 bytes less than half as long. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_BYTES = 16;

/** The first 64 bits of a text's SHA-256, as Postgres writes a `bigint`. */
export function textDigest(text: string): string {
  return bigintOf(hexOf(text));
}

/** More are of somebody who writes something new into each. */
const MOST_KNOWN = 5_000;
const knownDigests = new Map<string, string>();

/** The same of texts that come again and again: nearly all facts say what others have said. */
export function knownDigest(text: string): string {
  const known = knownDigests.get(text);
  if (known !== undefined) return known;
  const digest = textDigest(text);
  if (knownDigests.size >= MOST_KNOWN) knownDigests.clear();
  knownDigests.set(text, digest);
  return digest;
}

/**
 * By which an event is known in a table of facts: 24 bits of what it is about (the request's or the generation's id) and 40 of its own id, so that all about one thing is found
 * by the key, without an index of its own.
 */
export function factDigest(about: string, id: string): string {
  return bigintOf(hexOf(storable(about)).slice(0, DIGITS_ABOUT) + hexOf(id).slice(DIGITS_ABOUT));
}

/** Between which digests all events about something lie; few others do. */
export function digestsAbout(about: string): { readonly from: string; readonly to: string } {
  const from = BigInt(bigintOf(hexOf(storable(about)).slice(0, DIGITS_ABOUT).padEnd(DIGITS, '0')));
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
  return knownDigest(`${experiment}/${revision}/${variant}`);
}

/** The character that no text of Postgres may have. */
function storable(id: string): string {
  return id.replaceAll('\0', '\uFFFD');
}

/** As text, since making a buffer of it takes three times as long as reckoning it. */
function hexOf(text: string): string {
  return hash('sha256', text, 'hex').slice(0, DIGITS);
}

function bigintOf(hex: string): string {
  return BigInt.asIntN(64, BigInt(`0x${hex}`)).toString();
}
