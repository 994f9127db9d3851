import type { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import type { PictureSteps } from '../checkpoint/description.js';
import { defaultPictureLimits } from '../decoding/decode-picture.js';
import { preprocessing } from '../preprocessing/preprocessing.js';
import { preparerHere } from './picture-preparer.js';
import { PreparationPool } from './preparation-pool.js';
import { SquareRing } from './square-ring.js';

const SIDE = 32;
const steps = {
  side: SIDE,
  kernel: 'bicubic',
  resize: { kind: 'crop', edge: SIDE },
  offsets: 'half-even',
} as PictureSteps;
const limits = defaultPictureLimits;
const ring = new SquareRing(4, SIDE ** 2 * 3);
const started: Worker[] = [];
const remember = (worker: Worker): void => void started.push(worker);
process.on('worker', remember);
const own = new SquareRing(2, SIDE ** 2 * 3);
const here = preparerHere({ limits, preprocessing: preprocessing('exact', steps) }, own);
const pool = new PreparationPool(1, { mode: 'exact', steps, limits }, ring, here);
afterAll(async () => {
  process.off('worker', remember);
  await pool.close();
});

describe('PreparationPool', () => {
  it('makes the square of a small picture here, where that takes less than to send it', async () => {
    const pixels = Uint8Array.from({ length: 40 * 40 * 3 }, (_, index) => (index * index) % 251);
    const bytes = await sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } })
      .png()
      .toBuffer();
    expect(await pool.prepare(bytes, 1)).toMatchObject({ seenShare: 1 });
    expect(started).toHaveLength(0);
  });

  it('makes of a picture in a thread what is made of it here, and says what is wrong with another', async () => {
    const bytes = await picture();
    expect(started).toHaveLength(0);
    const [inThread, broken, blank] = await Promise.all([
      pool.prepare(bytes, 2),
      pool.prepare(Buffer.from('no picture'), 1),
      pool.prepare(
        await sharp({ create: { width: 400, height: 40, channels: 3, background: 'black' } })
          .png()
          .toBuffer(),
        0,
      ),
    ]);
    expect(inThread).toEqual(await here.prepare(bytes, 0));
    expect(Buffer.from(ring.squareAt(2))).toEqual(Buffer.from(own.squareAt(0)));
    expect([broken, blank]).toMatchObject([{ outcome: 'undecodable' }, { outcome: 'blank', blank: 'black' }]);
    expect(started).toHaveLength(1);
  });

  it('loses the pictures of a thread that dies, and goes on with a new one', async () => {
    const bytes = await picture();
    // It gets the picture and never comes to look at it.
    const ended = started[0]!.terminate();
    await expect(pool.prepare(bytes, 0)).rejects.toThrow('a thread that decodes pictures stopped');
    await ended;
    expect(await pool.prepare(bytes, 1)).toMatchObject({ seenShare: expect.any(Number) });
    expect(started).toHaveLength(2);
  });
});

it('hands out the places of a ring in turn, and no place twice', async () => {
  const two = new SquareRing(2, 1);
  const [first, second] = [await two.take(), await two.take()];
  expect([first, second].sort()).toEqual([0, 1]);
  let third: number | undefined;
  const waiting = two.take().then((place) => (third = place));
  await Promise.resolve();
  expect([third, two.taken]).toEqual([undefined, 2]);
  two.giveBack(second);
  await waiting;
  expect(third).toBe(second);
});

function picture(): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 190 * 170 * 3 }, (_, index) => (index * index) % 251);
  return sharp(pixels, { raw: { width: 190, height: 170, channels: 3 } })
    .png()
    .toBuffer();
}
