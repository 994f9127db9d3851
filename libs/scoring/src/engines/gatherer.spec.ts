import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Gatherer, type GathererOptions } from './gatherer.js';

describe('Gatherer', () => {
  it('makes batches of what comes while one is computed, and gives everyone their own row', async () => {
    const { gatherer, batches } = gathererWith({ compute: (items) => slowly(5, items.map(double)) });
    const rows = await Promise.all(numbers(100).map((item) => gatherer.add(item)));
    expect(rows).toEqual(numbers(100).map(double));
    expect(batches.map((batch) => batch.length)).toEqual([8, 8, 16, 16, 32, 20]);
    expect(gatherer.load).toBe(0);
  });

  it('has one batch computed and one full one in the queue, never more', async () => {
    let [running, most] = [0, 0];
    const { gatherer } = gathererWith({
      compute: async (items) => {
        most = Math.max(most, ++running);
        await setTimeout(2);
        running -= 1;
        return items;
      },
    });
    await Promise.all(numbers(300).map((item) => gatherer.add(item)));
    expect(most).toBe(2);
  });

  it('waits a moment for what is on its way, and for nothing when nothing is', async () => {
    let coming = true;
    const { gatherer, batches } = gathererWith({ moreComing: () => coming });
    const first = gatherer.add(1);
    await setTimeout(1);
    const second = gatherer.add(2);
    await Promise.all([first, second]);
    coming = false;
    await gatherer.add(3);
    expect(batches).toEqual([[1, 2], [3]]);
  });

  it('lets the one item fail that is at fault', async () => {
    const { gatherer } = gathererWith({
      compute: async (items) => {
        if (items.includes(5)) throw new Error('five');
        return items;
      },
      mayBeItems: () => true,
    });
    const rows = await Promise.allSettled(numbers(8).map((item) => gatherer.add(item)));
    expect(rows.filter(({ status }) => status === 'rejected')).toEqual([
      { status: 'rejected', reason: new Error('five') },
    ]);
    expect(rows[5]!.status).toBe('rejected');
  });

  it('asks once where no item is at fault', async () => {
    const { gatherer, batches } = gathererWith({ compute: () => Promise.reject(new Error('the engine is dead')) });
    const rows = await Promise.allSettled(numbers(8).map((item) => gatherer.add(item)));
    expect(rows.every(({ status }) => status === 'rejected')).toBe(true);
    expect(batches).toHaveLength(1);
  });

  it('makes smaller batches of a slow model, and larger ones again of a fast one', async () => {
    let nowMs = 0;
    let msPerItem = 1_000;
    const { gatherer, batches } = gathererWith({
      compute: async (items) => {
        nowMs += msPerItem * items.length;
        return items;
      },
      nowMs: () => nowMs,
    });
    await Promise.all(numbers(40).map((item) => gatherer.add(item)));
    // Two of a size may be under way.
    expect(batches.slice(0, 5).map((batch) => batch.length)).toEqual([8, 8, 4, 2, 2]);
    expect(batches.slice(5).every((batch) => batch.length <= 2)).toBe(true);
    msPerItem = 1;
    await Promise.all(numbers(400).map((item) => gatherer.add(item)));
    expect(Math.max(...batches.map((batch) => batch.length))).toBe(64);
  });
});

function gathererWith(change: Partial<GathererOptions<number, number>>) {
  const batches: (readonly number[])[] = [];
  const { compute = async (items: readonly number[]) => items } = change;
  const gatherer = new Gatherer<number, number>({
    most: 64,
    moreComing: () => false,
    mayBeItems: () => false,
    ...change,
    compute: (items) => {
      batches.push(items);
      return compute(items);
    },
  });
  return { gatherer, batches };
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function double(value: number): number {
  return 2 * value;
}

async function slowly<Value>(ms: number, value: Value): Promise<Value> {
  await setTimeout(ms);
  return value;
}
