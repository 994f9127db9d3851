import { describe, expect, it } from 'vitest';
import { memoryKey, type UnitChanges, UnitMemory } from '#libs/evidence';
import { seededRandom } from '#libs/scenes';
import { chunkNumbers, UnitLog } from './unit-log.js';

const LAYOUT = { bits: 40, numbers: 1 };

/** A table of snapshots that holds what was committed last. */
class Stored {
  private readonly chunks = new Map<number, UnitChanges>();
  private extent = { firstChunk: 0, chunks: 0 };
  mostChunks = 0;

  /** @param fails the transaction is rolled back. */
  save(log: UnitLog, memory: UnitMemory, fails = false): void {
    const dropped = log.collect(memory);
    const { waiting } = log;
    if (fails) return;
    for (const number of dropped) this.chunks.delete(number);
    for (const { number, changes } of waiting) this.chunks.set(number, changes);
    this.extent = log.extent;
    log.stored(waiting.length);
    this.mostChunks = Math.max(this.mostChunks, this.extent.chunks);
  }

  private restored(): UnitMemory {
    const memory = new UnitMemory(1_000_000, 'refuse', LAYOUT);
    for (const number of chunkNumbers(this.extent)) memory.apply(this.chunks.get(number)!);
    return memory;
  }

  holds(memory: UnitMemory): boolean {
    const [own, other] = [this.restored(), memory].map((of) => of.everything()) as [UnitChanges, UnitChanges];
    return (['units', 'marks', 'numbers'] as const).every((part) => bytesOf(own[part]).equals(bytesOf(other[part])));
  }

  log(): UnitLog {
    return new UnitLog(this.extent.firstChunk, this.extent.firstChunk + this.extent.chunks);
  }
}

describe('the stored form of a unit memory', () => {
  it.each([
    ['that stays one page', 300],
    ['that is divided', 19_000],
  ])('is the memory %s, whenever it is read, and stays short', (_, users) => {
    const random = seededRandom(users);
    const memory = new UnitMemory(1_000_000, 'refuse', LAYOUT);
    const stored = new Stored();
    let log = new UnitLog();
    for (let save = 0; save < 1_000; save++) {
      for (let k = 0; k < 60; k++) see(memory, Math.floor(random.uniform() * users), save);
      stored.save(log, memory, save % 97 === 50 || save % 97 === 51);
      if (save % 97 === 51) continue;
      if (save % 97 !== 50 && save % 90 === 0) expect(stored.holds(memory)).toBe(true);
      // A restart goes on with what is stored.
      if (save === 400) log = stored.log();
    }
    expect(stored.holds(memory)).toBe(true);
    expect(stored.mostChunks).toBeLessThan(600);
  });

  it('takes a whole memory over in pieces, and drops what was before it', () => {
    const memory = new UnitMemory(1_000_000, 'refuse', LAYOUT);
    const stored = new Stored();
    const log = new UnitLog();
    for (let unit = 0; unit < 45_000; unit++) see(memory, unit, 1);
    stored.save(log, memory);
    expect(stored.mostChunks).toBe(3);
    see(memory, 7, 2);
    stored.save(log, memory);
    memory.handOverAll();
    stored.save(log, memory);
    expect(log.extent).toEqual({ firstChunk: 4, chunks: 3 });
    expect(stored.holds(memory)).toBe(true);
  });

  it('stays within its numbers when every second brings more units than a page has', () => {
    const memory = new UnitMemory(1_000_000, 'refuse', LAYOUT);
    const stored = new Stored();
    const log = new UnitLog();
    for (let save = 0; save < 12; save++) {
      for (let unit = 0; unit < 45_000; unit++) see(memory, unit, save);
      stored.save(log, memory);
    }
    expect(stored.mostChunks).toBeLessThan(420);
    expect(stored.holds(memory)).toBe(true);
  });

  it('does not run out of numbers when it is restarted again and again', () => {
    const memory = new UnitMemory(1_000_000, 'refuse', LAYOUT);
    const stored = new Stored();
    let log = new UnitLog();
    for (let unit = 0; unit < 18_000; unit++) see(memory, unit, 0);
    for (let save = 0; save < 2_500; save++) {
      for (let unit = 0; unit < 5; unit++) see(memory, (7 * save + unit) % 18_000, save);
      stored.save(log, memory);
      if (save % 40 === 0) log = stored.log();
    }
    expect(stored.mostChunks).toBeLessThan(800);
    expect(stored.holds(memory)).toBe(true);
  });

  it('keeps both generations of a memory that forgets', () => {
    const memory = new UnitMemory(100, 'forget', LAYOUT);
    const log = new UnitLog();
    const copy = new UnitMemory(100, 'forget', LAYOUT);
    for (let unit = 0; unit < 950; unit++) {
      see(memory, unit, unit);
      if (unit % 30 !== 0) continue;
      log.collect(memory);
      expect(log.extent.chunks).toBe(1);
      for (const { changes } of log.waiting) copy.apply(changes);
      log.stored(log.waiting.length);
    }
    log.collect(memory);
    for (const { changes } of log.waiting) copy.apply(changes);
    expect(copy.everything()).toEqual(memory.everything());
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | Uint32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function see(memory: UnitMemory, user: number, epoch: number): void {
  const unit = memoryKey(`user-${user}`);
  const mark = memory.recall(unit)!;
  mark.words[0] = epoch;
  mark.numbers[0] = (mark.numbers[0] as number) + 1;
  memory.remember(unit, mark);
}
