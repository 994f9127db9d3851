import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { normalise } from '../../test/normalise.js';
import { decodePicture } from '../decoding/decode-picture.js';
import { clipCrop } from './clip-crop.js';

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

describe.skipIf(!existsSync(file))('published CLIP tensors', () => {
  const vectors = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PublishedVectors) : undefined;
  const published = vectors?.preprocess_openai_clip_224;

  it.each(published?.images.map((image) => [image.id, image] as const) ?? [])(
    '%s is reproduced byte for byte',
    async (_id, image) => {
      const bytes = readFileSync(new URL(`images/${image.id}.jpg`, folder));
      expect(sha256(bytes)).toBe(image.file_sha256);
      const picture = await decodePicture(bytes);
      expect([picture.width, picture.height]).toEqual([image.width, image.height]);
      const pixels = new Uint8Array(224 * 224 * 3);
      clipCrop(picture, 224, pixels);
      expect(sha256(pixels)).toBe(image.u8_hwc_rgb_224_sha256);
      expect(sha256(new Uint8Array(normalise(pixels, published!.mean, published!.std).buffer))).toBe(
        image.f32_nchw_sha256,
      );
    },
  );
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
