/** Pictures of each variant that are remembered. */
const KEPT = 256;

/** Where a picture came from, by hashes. */
export interface PictureOrigin {
  /** The generation and the picture's number in it: a message that comes again is not another picture. */
  readonly place: number;
  /** Who asked: the same one again gets the same picture again, which is as often whatever the variant but sooner out of sight for the larger one. */
  readonly unit: number;
}

/**
 * The latest pictures of each variant, by a hash of their pixels, with their origin: so that a picture that comes again for somebody else
 * is known as a duplicate. The same number for every variant, so that the one with more traffic is not searched further back.
 */
export type RecentPictures = Map<string, Map<number, PictureOrigin>>;

/** Notes a picture by its digest. @returns whether it is a duplicate: somebody else got the same one. */
export function notePicture(recent: RecentPictures, variant: string, digest: string, origin: PictureOrigin): boolean {
  const pictures = recent.get(variant) ?? new Map<number, PictureOrigin>();
  recent.set(variant, pictures);
  const picture = Number.parseInt(digest.slice(0, 13), 16);
  const known = pictures.get(picture);
  if (known !== undefined) return known.place !== origin.place && known.unit !== origin.unit;
  pictures.set(picture, origin);
  if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value as number);
  return false;
}

export type EncodedPictures = readonly (readonly [string, readonly (readonly [number, number, number])[]])[];

export function encodePictures(recent: RecentPictures): EncodedPictures {
  return [...recent].map(([variant, pictures]) => [
    variant,
    [...pictures].map(([picture, { place, unit }]) => [picture, place, unit] as const),
  ]);
}

export function decodePictures(encoded: EncodedPictures): RecentPictures {
  return new Map(
    encoded.map(([variant, pictures]) => [
      variant,
      new Map(pictures.map(([picture, place, unit]) => [picture, { place, unit }])),
    ]),
  );
}
