import { describe, expect, it } from 'vitest';
import { PixelBuffers } from './pixel-buffers.js';

describe('PixelBuffers', () => {
  it('gives again what came back, to whoever needs no more than it has', () => {
    const buffers = new PixelBuffers();
    const first = buffers.take(100);
    buffers.giveBack(first);
    expect(buffers.take(101).buffer).not.toBe(first.buffer);
    const second = buffers.take(60);
    expect(second.buffer).toBe(first.buffer);
    expect(second.length).toBe(60);
    expect(buffers.take(60).buffer, 'it is in use').not.toBe(first.buffer);
  });

  it('keeps three at most, and those the longest', () => {
    const buffers = new PixelBuffers();
    const taken = [10, 40, 20, 30].map((bytes) => buffers.take(bytes));
    for (const one of taken) buffers.giveBack(one);
    expect([1, 1, 1, 1].map((bytes) => buffers.take(bytes).buffer.byteLength)).toEqual([20, 30, 40, 1]);
  });
});
