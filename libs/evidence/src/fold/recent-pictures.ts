/** Pictures of each variant that are remembered. */
const KEPT = 256;

/**
 * The latest pictures of each variant, by a hash of their bytes, with the place they came from: so that a picture that comes again from
 * another generation is known as a duplicate, and a message that comes again is not. The same number for every variant, so
 * that the one with more traffic is not searched further back.
 */
export type RecentPictures = Map<string, Map<number, number>>;

/** Notes a picture. @returns whether it is a duplicate. */
export function notePicture(recent: RecentPictures, variant: string, sha256: string, place: number): boolean {
  const pictures = recent.get(variant) ?? new Map<number, number>();
  recent.set(variant, pictures);
  const picture = Number.parseInt(sha256.slice(0, 13), 16);
  const known = pictures.get(picture);
  if (known !== undefined) return known !== place;
  pictures.set(picture, place);
  if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value as number);
  return false;
}

export type EncodedPictures = readonly (readonly [string, readonly (readonly [number, number])[]])[];

export function encodePictures(recent: RecentPictures): EncodedPictures {
  return [...recent].map(([variant, pictures]) => [variant, [...pictures]] as const);
}

export function decodePictures(encoded: EncodedPictures): RecentPictures {
  return new Map(encoded.map(([variant, pictures]) => [variant, new Map(pictures)]));
}
