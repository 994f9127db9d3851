/**
 * MurmurHash3_x86_32 of the UTF-8 bytes of `text` (Austin Appleby, public domain), as an unsigned 32-bit integer.
 * The same on every machine, process and language: it decides who gets which variant, so it must never change.
 * Cost: linear in the length; text of ASCII only is hashed without being encoded first.
 */
export function murmur3(text: string, seed = 0): number {
  const ascii = asciiOnly(text);
  const bytes = ascii ? undefined : encoder.encode(text);
  const length = bytes ? bytes.length : text.length;
  const byteAt = bytes ? (index: number) => bytes[index] as number : (index: number) => text.charCodeAt(index);
  const tailStart = length & ~3;

  let hash = seed | 0;
  for (let index = 0; index < tailStart; index += 4) {
    const block = byteAt(index) | (byteAt(index + 1) << 8) | (byteAt(index + 2) << 16) | (byteAt(index + 3) << 24);
    hash ^= scramble(block);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }

  let tail = 0;
  for (let index = length - 1; index >= tailStart; index -= 1) tail = (tail << 8) | byteAt(index);
  if (length > tailStart) hash ^= scramble(tail);

  return avalanche(hash ^ length);
}

/** What is known of a hash once the beginning of its text is. */
export interface HashedPrefix {
  readonly text: string;
  readonly hash: number;
  /** Bytes that fill no block of four yet, and how many they are. */
  readonly block: number;
  readonly filled: number;
}

/** @param text of ASCII only */
export function hashPrefix(text: string): HashedPrefix {
  let hash = 0;
  let block = 0;
  for (let index = 0; index < text.length; index += 1) {
    block |= text.charCodeAt(index) << ((index & 3) << 3);
    if ((index & 3) !== 3) continue;
    hash = mix(hash, block);
    block = 0;
  }
  return { text, hash, block, filled: text.length & 3 };
}

/** `murmur3(prefix + text)`, of which the beginning is not hashed again. */
export function murmur3After(prefix: HashedPrefix, text: string): number {
  let { hash, block } = prefix;
  let shift = prefix.filled << 3;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 127) return murmur3(prefix.text + text);
    block |= code << shift;
    if (shift !== 24) shift += 8;
    else {
      hash = mix(hash, block);
      block = 0;
      shift = 0;
    }
  }
  if (shift !== 0) hash ^= scramble(block);
  return avalanche(hash ^ (prefix.text.length + text.length));
}

function mix(before: number, block: number): number {
  const hash = before ^ scramble(block);
  return (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
}

const encoder = new TextEncoder();

export function asciiOnly(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 127) return false;
  return true;
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function avalanche(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
