import { describe, expect, it } from 'vitest';
import { DeviceRoom } from './device-room.js';

/** An engine whose memory has room for so many items at a time, and what it was asked for. */
class SmallDevice {
  room = 64;
  readonly done: [from: number, count: number][] = [];
  failures = 0;

  readonly work = async (from: number, count: number): Promise<void> => {
    if (count > this.room) {
      this.failures += 1;
      throw new Error('out of memory');
    }
    this.done.push([from, count]);
  };
}

describe('DeviceRoom', () => {
  it('does everything once and in order, in halves where the device takes no more', async () => {
    const device = new SmallDevice();
    device.room = 20;
    await new DeviceRoom(64).inPieces(100, device.work);
    const { done } = device;
    expect(done.every(([, count]) => count <= 20)).toBe(true);
    expect(done.map(([from]) => from)).toEqual(
      done.map((_, at) => done.slice(0, at).reduce((sum, [, n]) => sum + n, 0)),
    );
    expect(done.reduce((sum, [, count]) => sum + count, 0)).toBe(100);
  });

  it('knows in later batches what fitted, and tries more than that rarely, and ever more rarely', async () => {
    const device = new SmallDevice();
    device.room = 20;
    const room = new DeviceRoom(64);
    await room.inPieces(64, device.work);
    expect([device.failures, room.largest]).toEqual([2, 16]);
    for (let batch = 0; batch < 12; batch += 1) await room.inPieces(64, device.work);
    expect(device.failures).toBe(2);
    // 40,000 pieces of 16 that fit.
    for (let batch = 0; batch < 10_000; batch += 1) await room.inPieces(64, device.work);
    expect(room.largest).toBe(16);
    expect(device.failures).toBeGreaterThan(6);
    expect(device.failures).toBeLessThan(20);
  });

  it('comes back to whole batches when the memory is free again', async () => {
    const device = new SmallDevice();
    device.room = 20;
    const room = new DeviceRoom(64);
    await room.inPieces(64, device.work);
    device.room = 64;
    for (let batch = 0; batch < 20; batch += 1) await room.inPieces(64, device.work);
    expect(room.largest).toBe(64);
    expect(device.failures).toBe(2);
  });

  it('takes no single item that fails for a lack of memory, and gives up at it', async () => {
    const tried: number[] = [];
    const room = new DeviceRoom(4);
    const work = async (from: number, count: number): Promise<void> => {
      tried.push(count);
      if (from + count > 2) throw new Error('broken');
    };
    await expect(room.inPieces(4, work)).rejects.toThrow('broken');
    expect(tried).toEqual([4, 2, 2, 1]);
    expect(room.largest).toBe(4);
  });
});
