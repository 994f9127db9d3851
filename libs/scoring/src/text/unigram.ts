/** How much less likely than the least likely piece an unknown character is, as sentencepiece has it (`kUnkPenalty`). */
const UNKNOWN_PENALTY = 10;

export interface UnigramOptions {
  /** Logarithm of each piece's probability; a piece's id is its place. */
  readonly pieces: readonly (readonly [piece: string, score: number])[];
  readonly unknownId: number;
  /** Unknown characters are spelled by pieces of one byte, where all of them are known. */
  readonly hasByteFallback: boolean;
  /** Pieces that no text consists of: those with a meaning of their own. */
  readonly reserved: ReadonlySet<string>;
}

/** Cuts words into the most likely pieces (Kudo 2018, "Subword Regularization", equation 3), as the tokenizers of Hugging Face do. */
export class Unigram {
  private readonly ids: ReadonlyMap<string, number>;
  private readonly longest: number;
  private readonly unknownScore: number;

  constructor(private readonly options: UnigramOptions) {
    const { pieces, reserved } = options;
    this.ids = new Map(pieces.map(([piece], id) => [piece, id] as const).filter(([piece]) => !reserved.has(piece)));
    this.longest = Math.max(...[...this.ids.keys()].map((piece) => [...piece].length));
    this.unknownScore = pieces.reduce((least, [, score]) => Math.min(least, score), Infinity) - UNKNOWN_PENALTY;
  }

  /** Ids of the pieces; unknown characters beside each other are one unknown piece. */
  encode(word: string): readonly number[] {
    const characters = [...word];
    const { starts, ids } = this.bestPath(characters);
    const found: number[] = [];
    let end = characters.length;
    while (end > 0) {
      let start = starts[end]!;
      const id = ids[end]!;
      if (id === this.options.unknownId) {
        while (start > 0 && ids[start] === id) start = starts[start]!;
        found.push(...[...this.unknown(characters.slice(start, end).join(''))].reverse());
      } else found.push(id);
      end = start;
    }
    return found.reverse();
  }

  /** Where the best last piece of each beginning of the word starts, and which it is (Viterbi 1967). */
  private bestPath(characters: readonly string[]): { readonly starts: Int32Array; readonly ids: Int32Array } {
    const count = characters.length;
    const scores = new Float64Array(count + 1);
    const starts = new Int32Array(count + 1).fill(-1);
    const ids = new Int32Array(count + 1);
    const consider = (start: number, end: number, id: number, score: number): void => {
      const total = scores[start]! + score;
      if (starts[end] !== -1 && total <= scores[end]!) return;
      [scores[end], starts[end], ids[end]] = [total, start, id];
    };
    for (let start = 0; start < count; start += 1) {
      let isKnown = false;
      let piece = '';
      for (let end = start + 1; end <= Math.min(count, start + this.longest); end += 1) {
        piece += characters[end - 1]!;
        const id = this.ids.get(piece);
        if (id === undefined) continue;
        consider(start, end, id, this.options.pieces[id]![1]);
        if (end === start + 1) isKnown = true;
      }
      if (!isKnown) consider(start, start + 1, this.options.unknownId, this.unknownScore);
    }
    return { starts, ids };
  }

  private unknown(characters: string): readonly number[] {
    const { hasByteFallback, unknownId } = this.options;
    if (!hasByteFallback) return [unknownId];
    const bytes = [...Buffer.from(characters)].map((byte) =>
      this.ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    );
    return bytes.every((id) => id !== undefined) ? bytes : [unknownId];
  }
}
