import { gaussianNoise, noiseDeviations, PICTURE_BYTES, PICTURE_SIDE_PX } from '#libs/scenes';

/** A fault put on a finished picture, with its strength. */
export type Degradation =
  | { readonly kind: 'noise'; readonly sigmaLevels: number; readonly seed: number }
  | { readonly kind: 'blur'; readonly sigmaPx: number }
  | { readonly kind: 'banding'; readonly stepLevels: number };

/**
 * A degraded copy of a picture. `noise` adds normal noise; `blur` is a Gaussian of standard deviation `sigmaPx` cut at three of
 * them, the border pixels repeated outwards; `banding` rounds every channel to a multiple of `stepLevels`.
 */
export function degrade(picture: Uint8Array, degradation: Degradation): Uint8Array {
  switch (degradation.kind) {
    case 'noise': {
      const noise = gaussianNoise(degradation.seed, PICTURE_BYTES);
      return Uint8Array.from(picture, (level, at) =>
        toByte(level + degradation.sigmaLevels * noiseDeviations(noise[at]!)),
      );
    }
    case 'blur':
      return blur(picture, degradation.sigmaPx);
    case 'banding':
      return Uint8Array.from(picture, (level) =>
        toByte(Math.floor(level / degradation.stepLevels + 0.5) * degradation.stepLevels),
      );
    default:
      return degradation satisfies never;
  }
}

function blur(picture: Uint8Array, sigmaPx: number): Uint8Array {
  const weights = gaussianWeights(sigmaPx);
  const wide = blurAlong(Float32Array.from(picture), weights, 3, PICTURE_SIDE_PX * 3);
  return Uint8Array.from(blurAlong(wide, weights, PICTURE_SIDE_PX * 3, 3), toByte);
}

function gaussianWeights(sigmaPx: number): readonly number[] {
  const reach = Math.ceil(3 * sigmaPx);
  const raw = Array.from({ length: 2 * reach + 1 }, (_, at) =>
    Math.exp(-((at - reach) ** 2) / (2 * sigmaPx * sigmaPx)),
  );
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  return raw.map((weight) => weight / total);
}

/** One pass: neighbours lie `stride` numbers apart, lines `lineStride`; the three channels are done for each pixel. */
function blurAlong(levels: Float32Array, weights: readonly number[], stride: number, lineStride: number): Float32Array {
  const reach = (weights.length - 1) / 2;
  const blurred = new Float32Array(levels.length);
  for (let line = 0; line < PICTURE_SIDE_PX; line += 1) {
    for (let at = 0; at < PICTURE_SIDE_PX; at += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        let sum = 0;
        for (let tap = -reach; tap <= reach; tap += 1) {
          const from = Math.min(PICTURE_SIDE_PX - 1, Math.max(0, at + tap));
          sum += weights[tap + reach]! * levels[line * lineStride + from * stride + channel]!;
        }
        blurred[line * lineStride + at * stride + channel] = sum;
      }
    }
  }
  return blurred;
}

function toByte(level: number): number {
  if (level <= 0) return 0;
  if (level >= 255) return 255;
  return (level + 0.5) | 0;
}
