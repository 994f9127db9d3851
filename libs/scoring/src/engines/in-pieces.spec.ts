import { describe, expect, it } from 'vitest';
import { inPieces } from './in-pieces.js';

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
