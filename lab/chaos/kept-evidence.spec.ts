import { describe, expect, it } from 'vitest';
import type { Queryable } from '#libs/persistence';
import { evidenceDifferences, keptEvidence } from './kept-evidence.js';

/** Units with one word of marks and one number each, as the analyzer saves them. */
function chunk(units: readonly (readonly [unit: number, mark: number, sum: number])[], replaces = false): Buffer {
  const bytes = Buffer.alloc(24 + units.length * 20);
  bytes.writeUInt32LE(replaces ? 1 : 0, 0);
  bytes.writeUInt32LE(units.length, 8);
  bytes.writeUInt32LE(1, 12);
  units.forEach(([unit, mark, sum], index) => {
    bytes.writeDoubleLE(unit, 24 + 8 * index);
    bytes.writeUInt32LE(mark, 24 + 8 * units.length + 4 * index);
    bytes.writeDoubleLE(sum, 24 + 12 * units.length + 8 * index);
  });
  return bytes;
}

async function saved(sum: number, ...chunks: readonly Buffer[]): Promise<ReadonlyMap<string, string>> {
  const json = Buffer.from(JSON.stringify({ chunks: chunks.length, chunkForm: 'f', evidence: { sum } }));
  const rows = [row('t/0', json), ...chunks.map((one, index) => row(`t/0#units-${index}`, one))];
  return keptEvidence({ query: () => Promise.resolve(rows) } as unknown as Queryable);
}

/** Two chunks under these numbers. */
async function savedFrom(firstChunk: number, next: number): Promise<ReadonlyMap<string, string>> {
  const json = Buffer.from(JSON.stringify({ firstChunk, chunks: 2, chunkForm: 'f', evidence: { sum: 1 } }));
  const [first, second] = [chunk([[1, 1, 0.5]]), chunk([[2, 1, 0.25]])];
  const rows = [row('t/0', json), row(`t/0#units-${firstChunk}`, first), row(`t/0#units-${next}`, second)];
  return keptEvidence({ query: () => Promise.resolve(rows) } as unknown as Queryable);
}

describe('evidence that is kept', () => {
  it('is the same whether it was saved once or often, and in whatever order units are written anew', async () => {
    const often = await saved(0.1, chunk([[1, 1, 0.5]]), chunk([[2, 1, 0.25]]), chunk([[1, 3, 0.75]]));
    const once = await saved(
      0.1,
      chunk([[9, 9, 9]]),
      chunk(
        [
          [2, 1, 0.25],
          [1, 3, 0.75],
        ],
        true,
      ),
    );
    expect(evidenceDifferences(often, once)).toEqual([]);
  });

  it('is read from its first chunk on, and over the end of their numbers', async () => {
    const [started, later, around] = [await savedFrom(0, 1), await savedFrom(7, 8), await savedFrom(1_023, 0)];
    expect([...started.values()].join()).toMatch(/1:.* 2:/);
    expect(evidenceDifferences(later, started)).toEqual([]);
    expect(evidenceDifferences(around, started)).toEqual([]);
  });

  it('differs by its last bit, by a unit, and by a place', async () => {
    const run = await saved(0.1 + 0.2, chunk([[1, 1, 0.5]]));
    expect(evidenceDifferences(run, await saved(0.3, chunk([[1, 1, 0.5]])))).toHaveLength(1);
    expect(evidenceDifferences(run, await saved(0.1 + 0.2, chunk([[1, 1, 0.5 + 2 ** -53]])))).toHaveLength(1);
    expect(evidenceDifferences(run, new Map())).toEqual([expect.stringContaining('an undisturbed replay has none')]);
  });
});

function row(place: string, evidence: Buffer) {
  return { experiment: 'e', revision: 1, place, evidence };
}
