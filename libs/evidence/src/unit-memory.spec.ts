import { describe, expect, it } from 'vitest';
import { hashUnit, UnitMemory } from './unit-memory.js';

describe('memory of units', () => {
  it('knows what it was told, through any growth', () => {
    const memory = new UnitMemory(100_000, 'refuse');
    for (let i = 1; i <= 20_000; i++) memory.remember(hashUnit(`user-${i}`), { bits: i % 256, epoch: i % 7 });
    for (let i = 1; i <= 20_000; i++)
      expect(memory.recall(hashUnit(`user-${i}`))).toEqual({ bits: i % 256, epoch: i % 7 });
    expect(memory.recall(hashUnit('stranger'))).toEqual({ bits: 0, epoch: 0 });
    expect(memory.size).toBe(20_000);
  });

  it('turns new units away when it is full, and says how often', () => {
    const memory = new UnitMemory(2, 'refuse');
    memory.remember(1, { bits: 1, epoch: 0 });
    memory.remember(2, { bits: 1, epoch: 0 });
    expect(memory.recall(3)).toBeNull();
    expect(memory.recall(1)).toEqual({ bits: 1, epoch: 0 });
    expect(memory.refused).toBe(1);
  });

  it('forgets the oldest where units do not come back, and stays bounded', () => {
    const memory = new UnitMemory(100, 'forget');
    for (let unit = 1; unit <= 10_000; unit++) memory.remember(unit, { bits: 3, epoch: 1 });
    expect(memory.recall(10_000)).toEqual({ bits: 3, epoch: 1 });
    expect(memory.recall(1)).toEqual({ bits: 0, epoch: 0 });
    expect(memory.size).toBeLessThanOrEqual(200);
  });

  it('hands over only what changed', () => {
    const memory = new UnitMemory(1_000, 'refuse');
    const copy = new UnitMemory(1_000, 'refuse');
    for (let round = 0; round < 5; round++) {
      for (let unit = 1; unit <= 50; unit++) memory.remember(100 * round + unit, { bits: 1, epoch: round });
      memory.remember(1, { bits: 7, epoch: round });
      const changes = memory.takeChanges();
      expect(changes.units.length).toBeLessThanOrEqual(51);
      copy.apply(changes);
    }
    expect(copy.everything()).toEqual(memory.everything());
  });

  it('hashes names to 53 bits without collisions among 200,000', () => {
    const hashes = new Set<number>();
    for (let i = 0; i < 200_000; i++) hashes.add(hashUnit(`user-${i}`));
    expect(hashes.size).toBe(200_000);
    for (const hash of hashes) if (!Number.isSafeInteger(hash) || hash <= 0) throw new Error(`${hash}`);
    expect(hashUnit('')).toBeGreaterThan(0);
  });
});
