import { describe, expect, it } from 'vitest';
import { memoryKey } from './memory-key.js';
import { hasBit, setBit, type UnitLayout } from './unit-mark.js';
import { UnitMemory } from './unit-memory.js';

/** What a memory says of a unit: its epoch, its bits and its numbers. */
function known(memory: UnitMemory, unit: number) {
  const mark = memory.recall(unit);
  return mark && { epoch: mark.words[0], bits: mark.words[1], numbers: [...mark.numbers] };
}

function remember(
  memory: UnitMemory,
  unit: number,
  bits: number,
  epoch: number,
  numbers: readonly number[] = [],
): void {
  memory.remember(unit, { words: Uint32Array.of(epoch, bits), numbers: Float64Array.from(numbers) });
}

describe('memory of units', () => {
  it('knows what it was told, through any growth', () => {
    const memory = new UnitMemory(100_000, 'refuse', { bits: 32, numbers: 2 });
    for (let i = 1; i <= 20_000; i++) remember(memory, memoryKey(`user-${i}`), i % 256, i % 70_000, [i / 3, -i]);
    for (let i = 1; i <= 20_000; i++)
      expect(known(memory, memoryKey(`user-${i}`))).toEqual({ bits: i % 256, epoch: i % 70_000, numbers: [i / 3, -i] });
    expect(known(memory, memoryKey('stranger'))).toEqual({ bits: 0, epoch: 0, numbers: [0, 0] });
    expect(memory.size).toBe(20_000);
  });

  it('keeps any number of facts apart', () => {
    const layout: UnitLayout = { bits: 100, numbers: 0 };
    const memory = new UnitMemory(1_000, 'refuse', layout);
    for (let unit = 1; unit <= 100; unit++) {
      const mark = memory.recall(unit)!;
      setBit(mark, unit - 1);
      setBit(mark, 99);
      memory.remember(unit, mark);
    }
    for (let unit = 1; unit <= 100; unit++) {
      const mark = memory.recall(unit)!;
      const set = Array.from({ length: 100 }, (_, bit) => bit).filter((bit) => hasBit(mark, bit));
      expect(set).toEqual([...new Set([unit - 1, 99])]);
    }
  });

  it('turns new units away when it is full, and says how often', () => {
    const memory = new UnitMemory(2, 'refuse');
    remember(memory, 1, 1, 0);
    remember(memory, 2, 1, 0);
    expect(memory.recall(3)).toBeNull();
    expect(known(memory, 1)).toEqual({ bits: 1, epoch: 0, numbers: [] });
    expect(memory.refused).toBe(1);
  });

  it('forgets the oldest where units do not come back, and stays bounded', () => {
    const memory = new UnitMemory(100, 'forget');
    for (let unit = 1; unit <= 10_000; unit++) remember(memory, unit, 3, 1);
    expect(known(memory, 10_000)).toEqual({ bits: 3, epoch: 1, numbers: [] });
    expect(known(memory, 1)).toEqual({ bits: 0, epoch: 0, numbers: [] });
    expect(memory.size).toBeLessThanOrEqual(200);
  });

  it('hands over only what changed', () => {
    const layout: UnitLayout = { bits: 32, numbers: 1 };
    const memory = new UnitMemory(1_000, 'refuse', layout);
    const copy = new UnitMemory(1_000, 'refuse', layout);
    for (let round = 0; round < 5; round++) {
      for (let unit = 1; unit <= 50; unit++) remember(memory, 100 * round + unit, 1, round, [unit / 7]);
      remember(memory, 1, 7, round, [round]);
      const changes = memory.takeChanges();
      expect(changes.units.length).toBeLessThanOrEqual(51);
      copy.apply(changes);
    }
    expect(copy.everything()).toEqual(memory.everything());
  });

  it('hashes names to 53 bits without collisions among 200,000', () => {
    const hashes = new Set<number>();
    for (let i = 0; i < 200_000; i++) hashes.add(memoryKey(`user-${i}`));
    expect(hashes.size).toBe(200_000);
    for (const hash of hashes) if (!Number.isSafeInteger(hash) || hash <= 0) throw new Error(`${hash}`);
    expect(memoryKey('')).toBeGreaterThan(0);
  });
});
