import { expect, it } from 'vitest';
import { pieceSize } from './pieces.js';

it('computes fewer large pictures at once than small ones, and one of any size', () => {
  const towers = { b32: { width: 768, mlpWidth: 3072, heads: 12 }, l14: { width: 1024, mlpWidth: 4096, heads: 16 } };
  expect(pieceSize('tfjs-webgpu', towers.b32, 50)).toBe(256);
  expect(pieceSize('tfjs-wasm', towers.b32, 50)).toBe(91);
  expect(pieceSize('tfjs-wasm', towers.l14, 257)).toBe(7);
  expect(pieceSize('tfjs-wasm', towers.l14, 100_000)).toBe(1);
});
