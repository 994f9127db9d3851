import { canonicalJson } from '#libs/contracts';
import type { Queryable } from '#libs/persistence';
import { chunkNumbers } from '../../apps/analyzer/src/unit-log.js';

interface SnapshotRow {
  readonly experiment: string;
  readonly revision: number;
  readonly place: string;
  readonly evidence: Buffer;
}

interface StoredEvidence {
  readonly evidence: unknown;
  /** Missing in snapshots of before. */
  readonly firstChunk?: number;
  readonly chunks: number;
}

/** How the analyzer names the parts of a unit memory; see its snapshots. */
const CHUNK = /^(.+)#units-(\d+)$/;
const HEADER_BYTES = 24;

/** All evidence that is saved, by experiment, revision and place, written so that equal evidence is equal text whenever and however often it was saved. */
export async function keptEvidence(database: Queryable): Promise<ReadonlyMap<string, string>> {
  const rows = await database.query<SnapshotRow>(
    'select experiment, revision, topic_partition as place, evidence from teststrip.evidence_snapshots',
  );
  const byPlace = new Map(rows.map((row) => [placeOf(row, row.place), row]));
  const kept = new Map<string, string>();
  for (const row of rows) {
    if (CHUNK.test(row.place)) continue;
    const { evidence, firstChunk = 0, chunks } = JSON.parse(row.evidence.toString()) as StoredEvidence;
    const units = chunkNumbers({ firstChunk, chunks }).map(
      (number) => byPlace.get(placeOf(row, `${row.place}#units-${number}`))?.evidence ?? Buffer.alloc(0),
    );
    kept.set(placeOf(row, row.place), `${canonicalJson(evidence)} ${unitsInWords(units)}`);
  }
  return kept;
}

function placeOf({ experiment, revision }: SnapshotRow, place: string): string {
  return `${experiment}@${revision} ${place}`;
}

/** Every unit with the last that was saved of it: which changes were saved together says nothing. */
function unitsInWords(chunks: readonly Buffer[]): string {
  const units = new Map<number, string>();
  for (const chunk of chunks) {
    if (chunk.length < HEADER_BYTES) continue;
    if (chunk.readUInt32LE(0) === 1) units.clear();
    const count = chunk.readUInt32LE(8);
    const markBytes = 4 * chunk.readUInt32LE(12);
    const marksAt = HEADER_BYTES + 8 * count;
    const numbersAt = marksAt + count * markBytes;
    const numberBytes = count === 0 ? 0 : (chunk.length - numbersAt) / count;
    for (let index = 0; index < count; index++) {
      const marks = chunk.subarray(marksAt + index * markBytes, marksAt + (index + 1) * markBytes);
      const numbers = chunk.subarray(numbersAt + index * numberBytes, numbersAt + (index + 1) * numberBytes);
      units.set(chunk.readDoubleLE(HEADER_BYTES + 8 * index), `${marks.toString('hex')}/${numbers.toString('hex')}`);
    }
  }
  return [...units]
    .sort(([left], [right]) => left - right)
    .map(([unit, known]) => `${unit}:${known}`)
    .join(' ');
}

/** What is not the same, by place. */
export function evidenceDifferences(
  disturbed: ReadonlyMap<string, string>,
  undisturbed: ReadonlyMap<string, string>,
): readonly string[] {
  const places = new Set([...disturbed.keys(), ...undisturbed.keys()]);
  return [...places].flatMap((place) => {
    const [left, right] = [disturbed.get(place), undisturbed.get(place)];
    if (left === right) return [];
    if (left === undefined) return [`${place}: an undisturbed replay has evidence there, the run has none`];
    if (right === undefined) return [`${place}: the run has evidence there, an undisturbed replay has none`];
    const at = [...left].findIndex((letter, index) => letter !== right[index]);
    const from = Math.max(0, at - 60);
    return [`${place}: "${left.slice(from, at + 60)}" in the run, "${right.slice(from, at + 60)}" undisturbed`];
  });
}
