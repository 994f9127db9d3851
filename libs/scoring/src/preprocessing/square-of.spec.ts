import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RgbPicture } from '../pictures/rgb-picture.js';
import type { PictureSteps } from '../checkpoint/description.js';
import { cropGeometry } from './crop-geometry.js';
import { preprocessing } from './preprocessing.js';
import { squareOf } from './square-of.js';

/** Width, height, side, sha256 of the crop that Pillow 12 and torchvision's rules give for `noisyGradient`. */
const pillowCrops = [
  [16, 16, 16, '1695a2d4acc47fd14cecd2e2d46525231bf651b44bc4bc506185697a197f2aae'],
  [40, 16, 16, '2ce55d30e28e7724c7bb60c3d9789d3128c6078f7c2c48639394206190c78e5d'],
  [37, 23, 16, '11791665ce841fc024c0bf8846c525d0bf137b3977f1eb059129380949aaa513'],
  [23, 37, 16, '9c89de77db4fedcdf54be5331bac37e33710724923b41ecbe65b0b23c63999b1'],
  [9, 5, 16, 'd8b6e5628c6153b77b6482b0f3ad92cd0ca664ef0bfd14155007be763e83d9e1'],
  [200, 150, 16, 'ef0160b1254df8a2e01b0b7eda30f7b6fa50b219f435bfdf2dca3e983babee5c'],
  [16, 17, 16, '1695a2d4acc47fd14cecd2e2d46525231bf651b44bc4bc506185697a197f2aae'],
  [101, 100, 64, 'c77f7dfa1f52941eb64377ff355aeced503ccb86b3bf5ddf85c6cec6e4ff0f82'],
] as const;

/** Kernel, resize, edge, width, height, sha256 of the 16 px square that Pillow 13 gives with offsets rounded down, or open_clip's borders. */
const pillowSquares = [
  ['bicubic', 'crop', 16, 37, 23, '11791665ce841fc024c0bf8846c525d0bf137b3977f1eb059129380949aaa513'],
  ['bicubic', 'crop', 20, 37, 23, '99ae68a18ccde10461bdb951e47cacbf675097658586bae3caae7cdf33321dcc'],
  ['lanczos', 'crop', 16, 37, 23, 'd4244b43118a23f2fc300a3ed4fcd4cf816c097afaf17a8405c3e998d16d2169'],
  ['bilinear', 'crop', 16, 37, 23, 'f381d6fdddd89548899beabdcc02b1430c31b7d7ab3920363117220489256cbc'],
  ['box', 'crop', 16, 37, 23, 'c423aacc54bac50e793ee5a9d2acb9df963f4245ecaa23d4624b4bcf43ef1cb4'],
  ['hamming', 'crop', 16, 37, 23, 'c99145b8ad982967baea7d64746ef13886fa0d300e9cfa4338f1dd0c4fe1f364'],
  ['bicubic', 'squash', 16, 40, 17, 'ab8fe4b3117ba6e0354a42c07e3ee63c790d3057d38e2b5f38f78062ff4d3991'],
  ['bicubic', 'squash', 20, 40, 17, '463895566ecc647015fd2614943a19452b75c73d2dd7a18030b4c795779846b0'],
  ['bicubic', 'letterbox', 16, 37, 23, 'd5f3d5268b7f87ec0b0c04a577e60729035d042749259e990e1dd00221cf8b35'],
  ['bicubic', 'letterbox', 16, 200, 16, 'b443649b19dadc8924d4f4369d358f75a17a3881a9a18078b26ed15609bfd784'],
] as const;

describe('squareOf', () => {
  it.each(pillowSquares)('equals Pillow byte for byte: %s, %s at %i of %i × %i', (...row) => {
    const [kernel, kind, edge, width, height, expected] = row;
    const output = new Uint8Array(16 * 16 * 3).fill(7);
    const steps = { ...openAi(16), kernel, resize: { kind, edge }, offsets: 'floor' } as const;
    squareOf(noisyGradient(width, height), steps, { output, at: 0 });
    expect(createHash('sha256').update(output).digest('hex')).toBe(expected);
  });

  it.each(pillowCrops)('equals Pillow byte for byte: %i × %i to %i', (width, height, side, expected) => {
    expect(
      createHash('sha256')
        .update(crop(noisyGradient(width, height), side))
        .digest('hex'),
    ).toBe(expected);
  });

  it('leaves a picture that already has the model size untouched', () => {
    const picture = noisyGradient(16, 16);
    expect(Buffer.from(crop(picture, 16)).equals(Buffer.from(picture.data))).toBe(true);
  });

  it('writes into its place of a batch and nowhere else', () => {
    const batch = new Uint8Array(3 * 16 * 16 * 3).fill(7);
    squareOf(noisyGradient(37, 23), openAi(16), { output: batch, at: 16 * 16 * 3 });
    expect(Buffer.from(batch.subarray(768, 1536)).equals(Buffer.from(crop(noisyGradient(37, 23), 16)))).toBe(true);
    expect([...batch.subarray(0, 768), ...batch.subarray(1536)].every((byte) => byte === 7)).toBe(true);
  });
});

describe('cropGeometry', () => {
  it('truncates the long side and rounds half offsets to even', () => {
    expect(cropGeometry(123, 456, openAi(224))).toMatchObject({
      resizedWidth: 224,
      resizedHeight: 830,
      left: 0,
      top: 303,
    });
    expect(cropGeometry(416, 264, openAi(224))).toMatchObject({
      resizedWidth: 352,
      resizedHeight: 224,
      left: 64,
      top: 0,
    });
    expect([17, 19, 21].map((width) => cropGeometry(width, 16, openAi(16)).left)).toEqual([0, 2, 2]);
    const floor = { ...openAi(16), offsets: 'floor' } as const;
    expect([17, 19, 21].map((width) => cropGeometry(width, 16, floor).left)).toEqual([0, 1, 2]);
  });
});

describe('fast preprocessing', () => {
  it('stays near the exact crop on smooth pictures and has a name of its own', async () => {
    const fast = preprocessing('fast', openAi(64));
    expect(fast.version).not.toBe(preprocessing('exact', openAi(64)).version);
    const picture = smooth(512, 512);
    const output = new Uint8Array(64 * 64 * 3);
    await fast.apply(picture, { output, at: 0 });
    const exact = crop(picture, 64);
    const difference = output.reduce((sum, level, index) => sum + Math.abs(level - exact[index]!), 0) / output.length;
    expect(difference).toBeLessThan(0.5);
  });
});

/** As OpenAI's own code prepares pictures. */
function openAi(side: number): PictureSteps {
  return {
    resize: { kind: 'crop', edge: side },
    kernel: 'bicubic',
    side,
    offsets: 'half-even',
    rescale: 1 / 255,
    mean: [0, 0, 0],
    deviation: [1, 1, 1],
  };
}

function crop(picture: RgbPicture, side: number): Uint8Array {
  const output = new Uint8Array(side * side * 3);
  squareOf(picture, openAi(side), { output, at: 0 });
  return output;
}

/** Noise of a linear congruential generator over a vertical gradient, modulo 256: full of edges that clip. */
function noisyGradient(width: number, height: number): RgbPicture {
  const data = new Uint8Array(width * height * 3);
  let state = 1;
  for (let index = 0; index < data.length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[index] = (state >>> 24) + Math.floor((index * 7) / (width * 3));
  }
  return { width, height, data };
}

function smooth(width: number, height: number): RgbPicture {
  const data = new Uint8Array(width * height * 3);
  for (let index = 0; index < data.length; index += 1) {
    const row = Math.floor(index / (width * 3));
    data[index] = 128 + 100 * Math.sin(row / 40) * Math.cos((index % (width * 3)) / 90);
  }
  return { width, height, data };
}
