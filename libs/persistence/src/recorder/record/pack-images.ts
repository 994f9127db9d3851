import type { DataOf, Image } from '#libs/contracts';

/** Stands for the generation's id in the address of a picture. */
const ID = '\u0001';
/** Of each picture: its SHA-256, zeros where that is not known, and its length in bytes, ones where that is not. */
const DIGEST_BYTES = 32;
const LENGTH_BYTES = 6;
const UNKNOWN_LENGTH = 2 ** (8 * LENGTH_BYTES) - 1;
const NO_DIGEST = '0'.repeat(2 * DIGEST_BYTES);

/** Pictures of a generation, apart: what many say alike, and what is their own. The view `generations` puts them together again. */
export interface PackedImages {
  readonly shared: readonly object[];
  /** Addresses; undefined: the shared part says them. */
  readonly uris?: readonly string[] | undefined;
  /** Text of a `bytea`; undefined: there are no pictures. */
  readonly marks?: string | undefined;
  /** As they were told, where they can't be packed; the other parts are empty then. */
  readonly told?: readonly Image[];
}

export function packImages(
  { images, generationId }: Pick<DataOf<'generation.completed.v1'>, 'images' | 'generationId'>,
  isCommon: (uri: string) => boolean,
): PackedImages {
  if (images.length === 0) return { shared: [] };
  if (!images.every(isPackable)) return { shared: [], told: images };
  const uris = images.map(({ uri }) => uri.replaceAll(generationId, ID));
  const areCommon = uris.every((uri) => isCommon(uri));
  const shared = images.map(({ format, width, height, flagged }, index) => ({
    format,
    width,
    height,
    flagged,
    ...(areCommon ? { uri: uris[index] } : {}),
  }));
  return { shared, uris: areCommon ? undefined : uris, marks: `\\x${images.map(markOf).join('')}` };
}

function isPackable({ uri, sha256, bytes }: Image): boolean {
  return !uri.includes(ID) && !uri.includes('\0') && sha256 !== NO_DIGEST && (bytes === null || bytes < UNKNOWN_LENGTH);
}

function markOf({ sha256, bytes }: Image): string {
  return (sha256 ?? NO_DIGEST) + (bytes ?? UNKNOWN_LENGTH).toString(16).padStart(2 * LENGTH_BYTES, '0');
}
