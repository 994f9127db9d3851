import type { Kernel } from '../checkpoint/description.js';

interface KernelFunction {
  /** Distance in samples beyond which the weight is zero. */
  readonly reach: number;
  weightAt(distance: number): number;
}

/** Cubic convolution parameter of Pillow's BICUBIC (Keys 1981, eq. 4 with a = −0.5). */
const CUBIC_A = -0.5;

/** The filters of Pillow's `Resample.c`, to the last operation: their rounding is part of the result. */
export const kernels: Readonly<Record<Kernel, KernelFunction>> = {
  box: { reach: 0.5, weightAt: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { reach: 1, weightAt: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { reach: 1, weightAt: hamming },
  bicubic: { reach: 2, weightAt: cubic },
  lanczos: { reach: 3, weightAt: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((CUBIC_A + 2) * x - (CUBIC_A + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * CUBIC_A;
  return 0;
}

function hamming(distance: number): number {
  const x = Math.abs(distance);
  if (x === 0) return 1;
  if (x >= 1) return 0;
  const angle = x * Math.PI;
  return (Math.sin(angle) / angle) * (0.54 + 0.46 * Math.cos(angle));
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const angle = x * Math.PI;
  return Math.sin(angle) / angle;
}
