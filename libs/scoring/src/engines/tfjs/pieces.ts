import type { Tower } from '../../checkpoint/description.js';
import type { TfjsBackend } from './tfjs-backend.js';

/** Most numbers that one layer of a batch may hold at a time, by what a device has room for; four bytes each. */
const MOST_NUMBERS: Readonly<Record<TfjsBackend, number>> = {
  'tfjs-node-gpu': 2 ** 28,
  'tfjs-webgpu': 2 ** 28,
  'tfjs-node': 2 ** 26,
  // A wasm memory ends at 2 GiB, weights included.
  'tfjs-wasm': 2 ** 24,
};

/** No batch is larger: beyond it no device became faster. */
const LARGEST_PIECE = 256;

/** Items of `length` tokens that a backend computes at once. */
export function pieceSize(
  backend: TfjsBackend,
  { width, mlpWidth, heads }: Pick<Tower, 'width' | 'mlpWidth' | 'heads'>,
  length: number,
): number {
  const numbersEach = length * Math.max(3 * width, mlpWidth) + heads * length ** 2;
  return Math.min(LARGEST_PIECE, Math.max(1, Math.floor(MOST_NUMBERS[backend] / numbersEach)));
}
