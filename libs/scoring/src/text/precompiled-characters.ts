/** Most bytes of a group of characters that is looked up as one. */
const LONGEST_GROUP_BYTES = 5;

/**
 * The normalisation that sentencepiece stores in its models: a double-array trie (Aoe 1989, as the library Darts lays it out) from UTF-8 to
 * places in a list of replacements. Reads as the `Precompiled` normaliser of Hugging Face's tokenizers does: groups of characters that stand
 * as one and are short are looked up first, then single characters; the shortest key that begins one replaces all of it.
 */
export class PrecompiledCharacters {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;
  private readonly groups = new Intl.Segmenter('und', { granularity: 'grapheme' });

  /**
   * @param charsmap as it stands in `precompiled_charsmap`
   * @throws Error when it is cut off
   */
  constructor(charsmap: Uint8Array) {
    const view = new DataView(charsmap.buffer, charsmap.byteOffset, charsmap.byteLength);
    const bytes = charsmap.byteLength < 4 ? Infinity : view.getUint32(0, true);
    if (4 + bytes > charsmap.byteLength || bytes % 4 !== 0) throw new Error('precompiled_charsmap is cut off');
    this.units = Uint32Array.from({ length: bytes / 4 }, (_, at) => view.getUint32(4 + 4 * at, true));
    this.replacements = charsmap.subarray(4 + bytes);
  }

  normalise(text: string): string {
    let result = '';
    for (const { segment } of this.groups.segment(text)) {
      const whole = Buffer.byteLength(segment) <= LONGEST_GROUP_BYTES ? this.replacementOf(segment) : null;
      if (whole !== null) result += whole;
      else for (const character of segment) result += this.replacementOf(character) ?? character;
    }
    return result;
  }

  private replacementOf(characters: string): string | null {
    const from = this.shortestPrefix(Buffer.from(characters));
    if (from === null) return null;
    const end = this.replacements.indexOf(0, from);
    return Buffer.from(this.replacements.subarray(from, end === -1 ? undefined : end)).toString();
  }

  /** Value of the shortest key that `key` begins with. */
  private shortestPrefix(key: Uint8Array): number | null {
    let at = offsetOf(this.unit(0));
    for (const byte of key) {
      if (byte === 0) return null;
      at ^= byte;
      const unit = this.unit(at);
      if (labelOf(unit) !== byte) return null;
      at ^= offsetOf(unit);
      if (hasLeaf(unit)) return this.unit(at) & 0x7fffffff;
    }
    return null;
  }

  private unit(at: number): number {
    return this.units[at] ?? 0;
  }
}

function hasLeaf(unit: number): boolean {
  return ((unit >>> 8) & 1) === 1;
}

/** Of a leaf it is none that a byte could have. */
function labelOf(unit: number): number {
  return (unit & 0x800000ff) >>> 0;
}

function offsetOf(unit: number): number {
  return ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
}
