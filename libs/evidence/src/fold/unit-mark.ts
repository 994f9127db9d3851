/** What is kept of a unit beside its hash. */
export interface UnitLayout {
  /** How many yes-or-no facts. */
  readonly bits: number;
  /** How many numbers (sums of the unit's own values). */
  readonly numbers: number;
}

/** Words of a mark: its unit's allocation, then 32 facts a word. */
export function wordCountOf({ bits }: UnitLayout): number {
  return 1 + Math.max(1, Math.ceil(bits / 32));
}

/** What is known of a unit: which of its first observations were used, the allocation it was seen under last, and sums of its own. */
export interface UnitMark {
  /** The allocation's mark, then 32 facts a word. */
  readonly words: Uint32Array;
  readonly numbers: Float64Array;
}

/** Of a unit that nothing is known of. */
export function blankMark(layout: UnitLayout): UnitMark {
  return { words: new Uint32Array(wordCountOf(layout)), numbers: new Float64Array(layout.numbers) };
}

export function hasBit({ words }: UnitMark, bit: number): boolean {
  return (((words[1 + (bit >>> 5)] as number) >>> (bit & 31)) & 1) === 1;
}

export function setBit({ words }: UnitMark, bit: number): void {
  const word = 1 + (bit >>> 5);
  words[word] = (words[word] as number) | (1 << (bit & 31));
}

/** A small number that is kept in bits of its own. @param at its lowest bit. @param width how many bits it has, at most 16. */
export function readBits({ words }: UnitMark, at: number, width: number): number {
  const word = 1 + (at >>> 5);
  const low = (words[word] as number) >>> (at & 31);
  const above = 32 - (at & 31);
  const high = above < width ? (words[word + 1] as number) << above : 0;
  return (low | high) & ((1 << width) - 1);
}

/** @param value at least 0; what does not fit is cut to the largest number that does. */
export function writeBits({ words }: UnitMark, at: number, width: number, value: number): void {
  const most = (1 << width) - 1;
  const kept = Math.min(value, most);
  const word = 1 + (at >>> 5);
  const shift = at & 31;
  words[word] = ((words[word] as number) & ~(most << shift)) | (kept << shift);
  const above = 32 - shift;
  if (above < width) words[word + 1] = ((words[word + 1] as number) & ~(most >>> above)) | (kept >>> above);
}

/** @param bits which facts are taken back, 32 a word. */
export function clearBits({ words }: UnitMark, bits: Uint32Array): void {
  for (let k = 0; k < bits.length; k++) words[1 + k] = (words[1 + k] as number) & ~(bits[k] as number);
}
