import type { DecodingNote } from '../decoding/decoded-picture.js';
import type { BlankKind } from '../pictures/blank.js';

/** What is known of a picture without the model; its square lies in the ring. */
export interface PreparedPicture {
  /** Digest of the decoded picture, in hex: of `<width>x<height>` and the RGB values. */
  readonly pixels: string;
  readonly decoding: readonly DecodingNote[];
  /** Share of the picture's area that the model sees. */
  readonly seenShare: number;
  /** At least twice as long as wide: it is seen whole, between borders, by a model that would crop its middle. */
  readonly isLetterboxed: boolean;
}

/** There is nothing on it that could fit a prompt: it is counted, and embedded by nobody. */
export interface BlankPicture {
  readonly outcome: 'blank';
  readonly blank: BlankKind;
  readonly reason: string;
  readonly pixels: string;
  readonly decoding: readonly DecodingNote[];
}

/** Why the model does not get to see a picture. `unsupported`: of a format that is not read. */
export type PictureFault =
  | BlankPicture
  | { readonly outcome: 'undecodable' | 'unsupported' | 'refused'; readonly reason: string };
