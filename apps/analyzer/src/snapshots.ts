import { experimentDefined } from '#libs/contracts';
import {
  decodeEvidence,
  encodeEvidence,
  type EncodedEvidence,
  EVIDENCE_LAYOUT,
  evidenceDesign,
  type UnitChanges,
} from '#libs/evidence';
import type { Database, Queryable } from '#libs/persistence';
import { createEvidenceStore, type EvidenceSnapshot } from '#libs/persistence/analyzer';
import { createPositions } from '#libs/persistence/positions';
import {
  emptyPart,
  experimentKey,
  type KnownExperiment,
  type Part,
  type PartEvidence,
  placeOf,
  resumeOffset,
} from './evidence-part.js';
import { decodeUnitChunk, encodeUnitChunk } from './unit-chunk.js';

export const ANALYZER_GROUP = 'analyzer';

/** Chunks of a unit memory after which it is written anew as a whole. */
const MOST_CHUNKS = 256;
/** Evidence that has not changed for so long is dropped at the start. */
const RETENTION_MS = 90 * 86_400_000;

/** The JSON in a snapshot's bytes. The definition is part of it: the log of definitions keeps only the newest revision. */
interface StoredEvidence {
  readonly definition: unknown;
  readonly chunks: number;
  readonly evidence: EncodedEvidence;
}

export interface LoadedEvidence {
  /** By place, see {@link placeOf}. */
  readonly parts: Map<string, Part>;
  /** By {@link experimentKey}. */
  readonly experiments: Map<string, KnownExperiment>;
  /** Snapshots of another layout were dropped: the log is folded again from its beginning. */
  readonly isStartedOver: boolean;
}

/**
 * Everything that was saved, as of one moment. Where the layout of the evidence has changed since, the snapshots and the
 * positions are dropped, so that the log is folded again.
 */
export async function loadParts(database: Database, partitions: number, nowMs: number): Promise<LoadedEvidence> {
  return database.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read');
    const rows = await createEvidenceStore(tx).load();
    const byPlace = new Map(
      rows.map((row) => [`${experimentKey(row.experiment, row.revision)} ${row.topicPartition}`, row]),
    );
    const loaded: LoadedEvidence = { parts: new Map(), experiments: new Map(), isStartedOver: false };
    for (const row of rows) {
      if (isChunk(row.topicPartition)) continue;
      const stored = JSON.parse(row.evidence.toString('utf8')) as StoredEvidence;
      if (stored.evidence.layout !== EVIDENCE_LAYOUT) return startOver(tx, rows);
      if (nowMs - row.takenAtMs > RETENTION_MS) {
        await createEvidenceStore(tx).forget(tx, row.experiment, row.revision);
        continue;
      }
      await restore(tx, loaded, row, stored, byPlace, partitions);
    }
    return loaded;
  });
}

/** Where a place that no snapshot mentions was left. */
export function savedPosition(database: Queryable, topic: string, partition: number): Promise<number | undefined> {
  return createPositions(database, ANALYZER_GROUP).read(topic, partition);
}

/**
 * Saves what has changed, with the positions, in one transaction: after a crash both are from the same moment.
 * What is encoded is the state at the call; folding may go on meanwhile.
 * @throws StalePositionError when another analyzer has moved on: this one must start again from what is stored.
 */
export async function saveParts(
  database: Database,
  parts: Iterable<Part>,
  experiments: ReadonlyMap<string, KnownExperiment>,
  nowMs: number,
): Promise<void> {
  const snapshots: EvidenceSnapshot[] = [];
  const moved: { readonly part: Part; readonly nextOffset: number }[] = [];
  const saved: { readonly entry: PartEvidence; readonly units: number }[] = [];
  for (const part of parts) {
    const nextOffset = resumeOffset(part);
    const changed = [...part.experiments].filter(([, entry]) => entry.isDirty);
    if (nextOffset === undefined || (nextOffset === part.savedOffset && changed.length === 0)) continue;
    moved.push({ part, nextOffset });
    for (const [key, entry] of changed) {
      snapshots.push(...snapshotsOf(part, entry, experiments.get(key) as KnownExperiment, nowMs));
      saved.push({ entry, units: entry.unsavedUnits.length });
      entry.isDirty = false;
    }
  }
  if (moved.length === 0) return;
  try {
    await database.transaction(async (tx) => {
      const positions = createPositions(tx, ANALYZER_GROUP);
      await createEvidenceStore(tx).save(tx, snapshots);
      for (const { part, nextOffset } of moved) await positions.write(tx, part.topic, part.partition, nextOffset);
    });
  } catch (error) {
    for (const { entry } of saved) entry.isDirty = true;
    throw error;
  }
  for (const { part, nextOffset } of moved) part.savedOffset = nextOffset;
  for (const { entry, units } of saved) entry.unsavedUnits.splice(0, units);
}

async function restore(
  tx: Queryable,
  { parts, experiments }: LoadedEvidence,
  row: EvidenceSnapshot,
  stored: StoredEvidence,
  byPlace: ReadonlyMap<string, EvidenceSnapshot>,
  partitions: number,
): Promise<void> {
  const key = experimentKey(row.experiment, row.revision);
  const definition = experimentDefined.parse(stored.definition);
  const known = experiments.get(key) ?? { definition, design: evidenceDesign(definition, partitions) };
  experiments.set(key, known);
  const slash = row.topicPartition.lastIndexOf('/');
  const topic = row.topicPartition.slice(0, slash);
  const partition = Number(row.topicPartition.slice(slash + 1));
  const part = parts.get(row.topicPartition) ?? emptyPart(topic, partition);
  parts.set(row.topicPartition, part);
  part.nextOffset ??= await savedPosition(tx, topic, partition);
  part.savedOffset = part.nextOffset;
  const units: UnitChanges[] = [];
  for (let index = 0; index < stored.chunks; index++) {
    const chunk = byPlace.get(`${key} ${chunkPlace(part, index)}`);
    if (!chunk)
      throw new Error(`evidence of ${key}, ${row.topicPartition}: chunk ${index} of its unit memory is missing`);
    units.push(decodeUnitChunk(chunk.evidence));
  }
  part.experiments.set(key, {
    evidence: decodeEvidence(known.design, stored.evidence, units),
    unsavedUnits: [],
    chunks: stored.chunks,
    isDirty: false,
    foldedTo: row.positions[row.topicPartition] ?? 0,
  });
}

async function startOver(tx: Queryable, rows: readonly EvidenceSnapshot[]): Promise<LoadedEvidence> {
  const store = createEvidenceStore(tx);
  const positions = createPositions(tx, ANALYZER_GROUP);
  for (const { experiment, revision, positions: at } of rows) {
    await store.forget(tx, experiment, revision);
    for (const place of Object.keys(at)) {
      const slash = place.lastIndexOf('/');
      await positions.reset(tx, place.slice(0, slash), Number(place.slice(slash + 1)), 0);
    }
  }
  return { parts: new Map(), experiments: new Map(), isStartedOver: true };
}

/** The snapshot of one experiment in one part, and the chunks of its unit memory that are new. */
function snapshotsOf(part: Part, entry: PartEvidence, known: KnownExperiment, takenAtMs: number): EvidenceSnapshot[] {
  const { experiment, revision } = known.design;
  const place = placeOf(part.topic, part.partition);
  const positions = { [place]: part.nextOffset as number };
  const row = (topicPartition: string, evidence: Buffer): EvidenceSnapshot => ({
    experiment,
    revision,
    topicPartition,
    positions,
    evidence,
    takenAtMs,
  });
  const stale = collectUnits(entry);
  const firstNew = entry.chunks - entry.unsavedUnits.length;
  const chunks = entry.unsavedUnits.map((changes, index) =>
    row(chunkPlace(part, firstNew + index), encodeUnitChunk(changes)),
  );
  const stored: StoredEvidence = {
    definition: known.definition,
    chunks: entry.chunks,
    evidence: encodeEvidence(entry.evidence),
  };
  return [
    row(place, Buffer.from(JSON.stringify(stored))),
    ...stale.map((index) => row(chunkPlace(part, index), Buffer.alloc(0))),
    ...chunks,
  ];
}

/**
 * Takes the unit memory's changes over into `unsavedUnits`, numbered on from the last chunk. A change that holds the whole
 * memory becomes chunk 0; the numbers of the others are given back, to be emptied.
 */
function collectUnits(entry: PartEvidence): readonly number[] {
  const { units } = entry.evidence;
  const latest = units.takeChanges();
  const changes = entry.chunks >= MOST_CHUNKS ? units.everything() : latest;
  if (changes.replaces) {
    const stale = Array.from({ length: Math.max(0, entry.chunks - 1) }, (_, index) => index + 1);
    entry.unsavedUnits.splice(0, entry.unsavedUnits.length, changes);
    entry.chunks = 1;
    return stale;
  }
  if (changes.units.length > 0) {
    entry.unsavedUnits.push(changes);
    entry.chunks += 1;
  }
  return [];
}

function chunkPlace({ topic, partition }: Part, index: number): string {
  return `${placeOf(topic, partition)}#units-${index}`;
}

function isChunk(topicPartition: string): boolean {
  return topicPartition.includes('#units-');
}
