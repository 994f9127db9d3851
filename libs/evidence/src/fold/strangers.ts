/** Facts of strangers that are kept: 8 KiB. */
const BITS = 65_536;

/**
 * Which units had a bad event in the present window, of those that came when the memory of units was full. They are told apart by one hash into
 * a fixed number of bits: a unit that comes back is always known; one that is taken for another counts no bad event, whatever its
 * variant, so evidence of harm is only lost, a little of it while a few thousand bits are set.
 */
export interface Strangers {
  /** The window that the facts are of. */
  window: number;
  /** 32 facts a word; null: none yet. */
  words: Uint32Array | null;
}

export function initialStrangers(): Strangers {
  return { window: 0, words: null };
}

/** Takes back what was known in an earlier window. */
export function enterStrangersWindow(strangers: Strangers, window: number): void {
  if (strangers.window === window) return;
  strangers.window = window;
  strangers.words = null;
}

export function hasHadBad({ words }: Strangers, unit: number, fact: number): boolean {
  const at = placeOf(unit, fact);
  return words !== null && (((words[at >>> 5] as number) >>> (at & 31)) & 1) === 1;
}

export function noteBad(strangers: Strangers, unit: number, fact: number): void {
  const words = (strangers.words ??= new Uint32Array(BITS / 32));
  const at = placeOf(unit, fact);
  words[at >>> 5] = (words[at >>> 5] as number) | (1 << (at & 31));
}

/** Source of the mixing: MurmurHash3's finaliser (Appleby, public domain). */
function placeOf(unit: number, fact: number): number {
  let hash = (unit % 4294967291) ^ Math.imul(fact + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % BITS;
}

/** Only the words that say something: place and value, one after another. */
export interface EncodedStrangers {
  readonly window: number;
  readonly words: readonly (readonly [number, number])[];
}

export function encodeStrangers({ window, words }: Strangers): EncodedStrangers {
  const said: [number, number][] = [];
  words?.forEach((word, at) => {
    if (word !== 0) said.push([at, word]);
  });
  return { window, words: said };
}

export function decodeStrangers({ window, words: said }: EncodedStrangers): Strangers {
  if (said.length === 0) return { window, words: null };
  const words = new Uint32Array(BITS / 32);
  for (const [at, word] of said) words[at] = word;
  return { window, words };
}
