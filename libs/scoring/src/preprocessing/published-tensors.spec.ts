import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { normalise } from '#libs/testing/pictures';
import { decodePicture } from '../decoding/decode-picture.js';
import { squareOf } from './square-of.js';

interface PublishedImage {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly file_sha256: string;
  readonly u8_hwc_rgb_224_sha256: string;
  readonly f32_nchw_sha256: string;
}

interface PublishedVectors {
  readonly preprocess_openai_clip_224: {
    readonly mean: [number, number, number];
    readonly std: [number, number, number];
    readonly images: readonly PublishedImage[];
  };
}

// Published preprocessing tensors of rom1504/clip-retrieval, kept beside the repository because of the photographs.
const folder = new URL('../../../../../shared/vectors/', import.meta.url);
const file = new URL('clip.json', folder);

const published = existsSync(file)
  ? (JSON.parse(readFileSync(file, 'utf8')) as PublishedVectors).preprocess_openai_clip_224
  : null;

describe.skipIf(published === null)('published CLIP tensors', () => {
  it('are reproduced byte for byte', async () => {
    const { images, mean, std } = published as PublishedVectors['preprocess_openai_clip_224'];
    for (const image of images) {
      const bytes = readFileSync(new URL(`images/${image.id}.jpg`, folder));
      expect(sha256(bytes), image.id).toBe(image.file_sha256);
      const picture = await decodePicture(bytes);
      expect([picture.width, picture.height], image.id).toEqual([image.width, image.height]);
      const pixels = new Uint8Array(224 * 224 * 3);
      const steps = {
        resize: { kind: 'crop', edge: 224 },
        kernel: 'bicubic',
        side: 224,
        offsets: 'half-even',
      } as const;
      squareOf(picture, steps, { output: pixels, at: 0 });
      expect(sha256(pixels), image.id).toBe(image.u8_hwc_rgb_224_sha256);
      expect(sha256(new Uint8Array(normalise(pixels, mean, std).buffer)), image.id).toBe(image.f32_nchw_sha256);
    }
  });
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
