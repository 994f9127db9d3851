/** Where a square is written: `side` × `side` interleaved RGB pixels from byte `at` on. */
export interface SquarePlace {
  readonly output: Uint8Array;
  readonly at: number;
}
