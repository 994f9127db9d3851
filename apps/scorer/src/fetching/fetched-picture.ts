/** The bytes of a picture, or why there are none. None of these is an exception: each becomes a row. */
export type FetchedPicture =
  | { readonly outcome: 'fetched'; readonly bytes: Buffer }
  | { readonly outcome: 'unavailable' | 'late' | 'refused' | 'digest-mismatch'; readonly reason: string };

export function refused(reason: string): FetchedPicture {
  return { outcome: 'refused', reason };
}

export function unavailable(reason: string): FetchedPicture {
  return { outcome: 'unavailable', reason };
}
