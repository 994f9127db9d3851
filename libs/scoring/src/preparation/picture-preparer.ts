import { preparePicture, type PictureWork } from './prepare-picture.js';
import type { PictureFault, PreparedPicture } from './prepared-picture.js';
import type { SquareRing } from './square-ring.js';

/** Decodes pictures and makes the model's squares of them. */
export interface PicturePreparer {
  /**
   * @param place of the ring, where the square is written
   * @throws PreparationFailedError when its thread died: nothing is known of the picture
   */
  prepare(bytes: Buffer, place: number): Promise<PreparedPicture | PictureFault>;
  close(): Promise<void>;
}

/** So many pictures at the same time wait for sharp's threads. */
const AT_A_TIME = 4;

/** In the caller's own thread, where only the image library's decoding leaves it. */
export function preparerHere(work: PictureWork, ring: SquareRing): PicturePreparer {
  let running = 0;
  const waiting: (() => void)[] = [];
  return {
    async prepare(bytes, place) {
      if (running === AT_A_TIME) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await preparePicture(bytes, work, ring.placeOf(place));
      } finally {
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
    close: async () => undefined,
  };
}
