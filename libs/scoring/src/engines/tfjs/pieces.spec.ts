import { describe, expect, it } from 'vitest';
import { inPieces, pieceSize } from './pieces.js';

describe('inPieces', () => {
  it('does everything once and in order, in halves where the device takes no more', async () => {
    const done: [number, number][] = [];
    await inPieces(100, 64, async (from, count) => {
      if (count > 20) throw new Error('out of memory');
      done.push([from, count]);
    });
    expect(done.every(([, count]) => count <= 20)).toBe(true);
    expect(done.map(([from]) => from)).toEqual(
      done.map((_, at) => done.slice(0, at).reduce((sum, [, n]) => sum + n, 0)),
    );
    expect(done.reduce((sum, [, count]) => sum + count, 0)).toBe(100);
  });

  it('gives up at a single item that fails', async () => {
    const tried: number[] = [];
    const work = async (_from: number, count: number): Promise<void> => {
      tried.push(count);
      throw new Error('broken');
    };
    await expect(inPieces(4, 4, work)).rejects.toThrow('broken');
    expect(tried).toEqual([4, 2, 1]);
  });
});

it('computes fewer large pictures at once than small ones, and one of any size', () => {
  const towers = { b32: { width: 768, mlpWidth: 3072, heads: 12 }, l14: { width: 1024, mlpWidth: 4096, heads: 16 } };
  expect(pieceSize('tfjs-webgpu', towers.b32, 50)).toBe(256);
  expect(pieceSize('tfjs-wasm', towers.b32, 50)).toBe(91);
  expect(pieceSize('tfjs-wasm', towers.l14, 257)).toBe(7);
  expect(pieceSize('tfjs-wasm', towers.l14, 100_000)).toBe(1);
});
