import { createCipheriv, createHash } from 'node:crypto';
import { decodePicture, type PictureLimits } from '../decoding/decode-picture.js';
import { RefusedPictureError, UndecodablePictureError, UnsupportedPictureError } from '../decoding/picture-errors.js';
import { blankKindOf, blankReasons } from '../pictures/blank.js';
import type { RgbPicture } from '../pictures/rgb-picture.js';
import type { Preprocessing } from '../preprocessing/preprocessing.js';
import type { SquarePlace } from '../preprocessing/square-place.js';
import type { PictureFault, PreparedPicture } from './prepared-picture.js';

/** What is done with every picture before the model sees it. */
export interface PictureWork {
  readonly limits: PictureLimits;
  readonly preprocessing: Preprocessing;
}

/** Decodes a picture, looks at all of it, and writes the model's square into its place; or says why it gets none. */
export async function preparePicture(
  bytes: Buffer,
  { limits, preprocessing }: PictureWork,
  place: SquarePlace,
): Promise<PreparedPicture | PictureFault> {
  try {
    const picture = await decodePicture(bytes, limits);
    const decoded = { pixels: pixelsHash(picture), decoding: picture.notes };
    const blank = blankKindOf(picture);
    if (blank !== null) return { outcome: 'blank', blank, reason: blankReasons[blank], ...decoded };
    await preprocessing.apply(picture, place);
    const { share, isLetterboxed } = preprocessing.seen(picture);
    return { ...decoded, seenShare: share, isLetterboxed };
  } catch (error) {
    const outcome = faultOf(error);
    if (outcome === null) throw error;
    return { outcome, reason: (error as Error).message };
  }
}

/** What is wrong with a picture; null: something else failed. */
function faultOf(error: unknown): 'undecodable' | 'unsupported' | 'refused' | null {
  if (error instanceof UndecodablePictureError) return 'undecodable';
  if (error instanceof UnsupportedPictureError) return 'unsupported';
  return error instanceof RefusedPictureError ? 'refused' : null;
}

/** Known to everybody: it makes a digest of the cipher, and keeps no secret. */
const KEY = Buffer.from('teststrip pixels');
const NONCE = Buffer.alloc(12);

/**
 * Tells equal pictures from others, by chance less than once in 2^100: SHA-256 of the size and of the 128-bit GMAC (NIST SP 800-38D) of the pixels,
 * which processors compute three times as fast as SHA-256 of all of them. Who can choose pixels freely can make two pictures of one digest, as well
 * as one picture twice.
 */
function pixelsHash({ width, height, data }: RgbPicture): string {
  const mac = createCipheriv('aes-128-gcm', KEY, NONCE).setAAD(data);
  mac.final();
  return createHash('sha256').update(`${width}x${height}`).update(mac.getAuthTag()).digest('hex');
}
