/** The bytes of a picture, or why there are none. None of these is an exception: each becomes a row. */
export type FetchedPicture = { readonly outcome: 'fetched'; readonly bytes: Buffer } | MissingPicture;

export interface MissingPicture {
  readonly outcome: 'unavailable' | 'late' | 'refused' | 'digest-mismatch';
  readonly reason: string;
}

/** What else than the address is known of a picture that is fetched. */
export interface FetchContext {
  /** When it was made, milliseconds since the epoch: a young one may not be there yet. */
  readonly madeAtMs?: number;
  /** Nobody waits for it any more. */
  readonly signal?: AbortSignal;
  readonly room?: PictureRoom;
}

/** Memory for the bytes of one picture, among those that may be taken by all of them. */
export interface PictureRoom {
  /** Waits until there is enough; once it is taken it stays taken. */
  take(): Promise<void>;
  /** The picture did not come, or is done with. */
  free(): void;
}

export function refused(reason: string): MissingPicture {
  return { outcome: 'refused', reason };
}

export function unavailable(reason: string): MissingPicture {
  return { outcome: 'unavailable', reason };
}
