import { experimentDefined, type ExperimentDefined } from '#libs/contracts';
import {
  decodeEvidence,
  encodeEvidence,
  type EncodedEvidence,
  type EvidenceDesign,
  type MetricChange,
  type UnitChanges,
} from '#libs/evidence';
import type { KeptPosition } from '#libs/messaging';
import type { Database, Queryable } from '#libs/persistence';
import { createEvidenceStore, type EvidenceSnapshot } from '#libs/persistence/analyzer';
import { createPositions } from '#libs/persistence/positions';
import {
  emptyPart,
  experimentKey,
  foldedToIn,
  type KnownExperiment,
  type Part,
  type PartEvidence,
  partKey,
  resumeOffset,
} from './evidence-part.js';
import { decodeUnitChunk, encodeUnitChunk, UNIT_CHUNK_FORM } from './unit-chunk.js';
import { chunkNumbers, UnitLog } from './unit-log.js';

export const ANALYZER_GROUP = 'analyzer';

/** Chunks whose numbers go round are not what an analyzer of before takes them for; it would read its own, of the plain form, only. */
const CHUNK_FORM = `${UNIT_CHUNK_FORM}-round`;

/** Evidence that has not changed for so long is dropped at the start. */
export const RETENTION_MS = 90 * 86_400_000;

/** The JSON in a snapshot's bytes. The definition is part of it: the log of definitions keeps only the newest revision. */
interface StoredEvidence {
  readonly definition: unknown;
  /** Number of the oldest chunk of its unit memory; absent in snapshots of before, whose chunks begin with 0. */
  readonly firstChunk?: number;
  readonly chunks: number;
  /** The form of the chunks' bytes. */
  readonly chunkForm: string;
  /** Which log the positions beside it belong to; absent in snapshots of before. */
  readonly log?: string | undefined;
  /** Of the topics keyed by unit, when the events were folded; absent in snapshots of before. */
  readonly partitions?: number | undefined;
  readonly evidence: EncodedEvidence;
}

/** How a stored definition is read today. */
export type DesignOf = (definition: ExperimentDefined) => EvidenceDesign;

export interface LoadedEvidence {
  /** By place, see {@link partKey}. */
  readonly parts: Map<string, Part>;
  /** By {@link experimentKey}. */
  readonly experiments: Map<string, KnownExperiment>;
  /** Revisions by {@link experimentKey} whose events are not folded any more: units have moved to other partitions. */
  readonly refused: Set<string>;
  /** Revisions by {@link experimentKey} whose events are folded again, by the place that they are read from. */
  readonly refolded: Map<string, Set<string>>;
  /** What of the stored evidence does not go on, and why; for the log. */
  readonly warnings: string[];
}

/**
 * Everything that was saved, as of one moment. A metric that means something else than it did then starts afresh by itself. An experiment
 * whose snapshots can't be read starts over: its places are read again from where the log begins, for it alone (see
 * {@link PartEvidence.foldedTo}); the others keep theirs. One that was folded from another number of partitions is refused: a unit whose
 * events go on in another partition would count as two there, and folding the log again would count it twice as well.
 */
export async function loadParts(database: Database, designOf: DesignOf, nowMs: number): Promise<LoadedEvidence> {
  return database.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read');
    const store = createEvidenceStore(tx);
    const rows = await store.load();
    const isRecent = revisionsSavedSince(rows, nowMs - RETENTION_MS);
    for (const row of rows)
      if (!isRecent(row) && !isChunk(row.topicPartition)) await store.forget(tx, row.experiment, row.revision);
    const loaded: LoadedEvidence = {
      parts: new Map(),
      experiments: new Map(),
      refused: new Set(),
      refolded: new Map(),
      warnings: [],
    };
    for (const [key, own] of rowsByExperiment(rows.filter(isRecent))) {
      try {
        take(loaded, key, restore(own, key, designOf));
      } catch (error) {
        for (const place of await startOver(tx, own))
          loaded.refolded.set(place, (loaded.refolded.get(place) ?? new Set()).add(key));
        loaded.warnings.push(
          `stored evidence of experiment ${key} cannot be read (${(error as Error).message}): ` +
            'its events are folded again as far back as the log reaches; other experiments keep their evidence',
        );
      }
    }
    for (const part of loaded.parts.values()) {
      const saved = await savedPosition(tx, part.topic, part.partition);
      // Where an operator wants it to go on elsewhere, the carrier knows where that is.
      part.nextOffset = typeof saved?.offset === 'number' ? saved.offset : undefined;
      part.log = saved?.log ?? undefined;
      part.savedOffset = part.nextOffset;
    }
    return loaded;
  });
}

/** Where a place that no snapshot mentions was left. */
export function savedPosition(
  database: Queryable,
  topic: string,
  partition: number,
): Promise<KeptPosition | undefined> {
  return createPositions(database, ANALYZER_GROUP).kept(topic, partition);
}

export interface SaveOptions {
  /** By {@link experimentKey}. */
  readonly experiments: ReadonlyMap<string, KnownExperiment>;
  readonly nowMs: number;
  /** Throws in the transaction where somebody else may write by now. */
  readonly fence?: (tx: Queryable) => Promise<void>;
  /** How long it is encoded at a time, before events are folded again. Default: everything is as of the call, in one transaction. */
  readonly sliceMs?: number;
}

/** Whose evidence a snapshot has, and when it is taken. */
interface SnapshotSubject {
  readonly known: KnownExperiment;
  readonly nowMs: number;
}

/**
 * Saves what has changed, and then the positions that rest on it. What takes long to encode is saved in slices, with a transaction each, so that
 * events are folded in between: each entry says up to where it was folded (see {@link PartEvidence.foldedTo}), and the position of a part is the one
 * that it had at the call, so that a crash at any moment leaves nothing out and counts nothing twice. An experiment whose evidence can't be encoded
 * keeps the positions of its parts back, for itself alone: what the others have folded is saved with them.
 * @returns experiments that could not be encoded, by {@link experimentKey}, with the reason
 * @throws StalePositionError when another analyzer has moved on: this one must start again from what is stored.
 */
export async function saveParts(
  database: Database,
  parts: Iterable<Part>,
  { experiments, nowMs, fence, sliceMs = Infinity }: SaveOptions,
): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  let slice = emptySlice();
  const endSlice = async (): Promise<void> => {
    await write(database, slice, fence);
    slice = emptySlice();
  };
  for (const { part, nextOffset, changed } of partsToSave(parts)) {
    let isWhole = true;
    for (const [key, entry] of changed) {
      if (isFull(slice, sliceMs)) await endSlice();
      const reason = encodeInto(slice, part, entry, { known: experiments.get(key) as KnownExperiment, nowMs });
      if (reason === null) continue;
      isWhole = false;
      failed.set(key, reason);
    }
    if (isWhole) slice.moved.set(part, nextOffset);
  }
  await write(database, slice, fence);
  return failed;
}

/** How much is encoded at a time where it is written in slices. */
const SLICE_BYTES = 1_000_000;

/** What is saved in one transaction. */
interface Slice {
  readonly beganAtMs: number;
  bytes: number;
  readonly snapshots: EvidenceSnapshot[];
  /** Parts of which all is saved, with their new positions. */
  readonly moved: Map<Part, number>;
  readonly saved: { readonly entry: PartEvidence; readonly chunks: number }[];
}

function emptySlice(): Slice {
  return { beganAtMs: performance.now(), bytes: 0, snapshots: [], moved: new Map(), saved: [] };
}

function isFull({ beganAtMs, bytes, snapshots }: Slice, sliceMs: number): boolean {
  if (sliceMs === Infinity || snapshots.length === 0) return false;
  return bytes >= SLICE_BYTES || performance.now() - beganAtMs >= sliceMs;
}

/** As of one moment: what is folded from now on belongs to the next time. */
function partsToSave(parts: Iterable<Part>) {
  return [...parts].flatMap((part) => {
    const nextOffset = resumeOffset(part);
    const changed = [...part.experiments].filter(([, { isDirty }]) => isDirty);
    if (nextOffset === undefined || (nextOffset === part.savedOffset && changed.length === 0)) return [];
    return [{ part, nextOffset, changed }];
  });
}

/** @returns why it can't be encoded; null where it was. */
function encodeInto(slice: Slice, part: Part, entry: PartEvidence, about: SnapshotSubject): string | null {
  try {
    const snapshots = snapshotsOf(part, entry, about);
    slice.snapshots.push(...snapshots);
    slice.saved.push({ entry, chunks: entry.unitLog.waiting.length });
    entry.isDirty = false;
    for (const { evidence } of snapshots) slice.bytes += evidence.length;
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

async function write(
  database: Database,
  { snapshots, moved, saved }: Slice,
  fence: SaveOptions['fence'],
): Promise<void> {
  if (moved.size === 0 && snapshots.length === 0) return;
  try {
    await database.transaction(async (tx) => {
      const positions = createPositions(tx, ANALYZER_GROUP);
      await createEvidenceStore(tx).save(tx, snapshots);
      await positions.write(
        tx,
        ...[...moved].map(([part, nextOffset]) => ({ ...part, nextOffset, movedFrom: part.savedOffset })),
      );
      // Last, so that the rows are locked: who has the lead by now waits for this transaction, or has made it fail.
      await fence?.(tx);
    });
  } catch (error) {
    for (const { entry } of saved) entry.isDirty = true;
    throw error;
  }
  for (const [part, nextOffset] of moved) part.savedOffset = nextOffset;
  for (const { entry, chunks } of saved) entry.unitLog.stored(chunks);
}

/** Whether a snapshot belongs to a revision of which any part was saved since then: its parts stay or go together. */
function revisionsSavedSince(
  rows: readonly EvidenceSnapshot[],
  sinceMs: number,
): (row: Pick<EvidenceSnapshot, 'experiment' | 'revision'>) => boolean {
  const recent = new Set(
    rows.flatMap(({ experiment, revision, takenAtMs }) =>
      takenAtMs >= sinceMs ? [experimentKey(experiment, revision)] : [],
    ),
  );
  return ({ experiment, revision }) => recent.has(experimentKey(experiment, revision));
}

function rowsByExperiment(rows: readonly EvidenceSnapshot[]): ReadonlyMap<string, readonly EvidenceSnapshot[]> {
  const grouped = new Map<string, EvidenceSnapshot[]>();
  for (const row of rows) {
    const key = experimentKey(row.experiment, row.revision);
    grouped.set(key, [...(grouped.get(key) ?? []), row]);
  }
  return grouped;
}

/** One experiment revision, as its snapshots tell. */
interface Restored {
  readonly known: KnownExperiment;
  /** From how many partitions it was folded; undefined where no snapshot says so. */
  readonly partitions: number | undefined;
  /** By place, see {@link partKey}. */
  readonly entries: ReadonlyMap<string, PartEvidence>;
  readonly warnings: ReadonlySet<string>;
}

/** @throws when one of the experiment's snapshots can't be read. */
function restore(rows: readonly EvidenceSnapshot[], key: string, designOf: DesignOf): Restored {
  const byPlace = new Map(rows.map((row) => [row.topicPartition, row.evidence]));
  const entries = new Map<string, PartEvidence>();
  const warnings = new Set<string>();
  let known: KnownExperiment | undefined;
  let partitions: number | undefined;
  for (const row of rows) {
    if (isChunk(row.topicPartition)) continue;
    let isDirty = false;
    try {
      const stored = readSnapshot(row, byPlace);
      const definition = experimentDefined.parse(stored.definition);
      known ??= { definition, design: designOf(definition) };
      partitions ??= stored.partitions;
      const evidence = decodeEvidence(known.design, stored.evidence, stored.units, (change) => {
        isDirty = true;
        warnings.add(changeInWords(key, change));
      });
      const foldedTo = row.positions[row.topicPartition] ?? 0;
      const { firstChunk, chunks, log: foldedLog } = stored;
      const saved = { unitLog: new UnitLog(firstChunk, firstChunk + chunks), foldedTo, foldedLog };
      entries.set(row.topicPartition, { evidence, isDirty, changes: 0, ...saved });
    } catch (error) {
      throw new Error(`${row.topicPartition}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (!known) throw new Error('chunks of a unit memory without a snapshot');
  return { known, partitions, entries, warnings };
}

function take(loaded: LoadedEvidence, key: string, restored: Restored): void {
  const { known, partitions } = restored;
  if (partitions === undefined || partitions === known.design.partitions) return addTo(loaded, key, restored);
  loaded.refused.add(key);
  loaded.warnings.push(otherPartitionsInWords(known.design, partitions));
}

function otherPartitionsInWords({ experiment, revision, partitions }: EvidenceDesign, before: number): string {
  return (
    `experiment ${experimentKey(experiment, revision)} is not analysed any more: its evidence was folded from ${before} partitions of the topics keyed by unit, ` +
    `which have ${partitions} now, so that the events of one unit are in two of them. Where it still runs, start it as a new revision: ` +
    `teststrip rollback ${experiment}, then teststrip new-attempt ${experiment}`
  );
}

function addTo(loaded: LoadedEvidence, key: string, { known, entries, warnings }: Restored): void {
  loaded.experiments.set(key, known);
  loaded.warnings.push(...warnings);
  for (const [place, entry] of entries) {
    const { topic, partition } = topicAndPartition(place);
    const part = loaded.parts.get(place) ?? emptyPart(topic, partition);
    loaded.parts.set(place, part);
    part.experiments.set(key, entry);
  }
}

/** A snapshot's JSON, and its unit memory from its chunks. */
function readSnapshot(
  { topicPartition, evidence }: EvidenceSnapshot,
  byPlace: ReadonlyMap<string, Buffer>,
): StoredEvidence & UnitLog['extent'] & { readonly units: readonly UnitChanges[] } {
  const stored = JSON.parse(evidence.toString('utf8')) as StoredEvidence;
  if (![CHUNK_FORM, UNIT_CHUNK_FORM].includes(stored.chunkForm))
    throw new Error('its unit memory is stored in another form');
  const { firstChunk = 0, chunks } = stored;
  const units = chunkNumbers({ firstChunk, chunks }).map((number) => {
    const chunk = byPlace.get(chunkPlace(topicPartition, number));
    if (!chunk || chunk.length === 0) throw new Error(`chunk ${number} of its unit memory is missing`);
    return decodeUnitChunk(chunk);
  });
  return { ...stored, firstChunk, units };
}

function topicAndPartition(topicPartition: string): { readonly topic: string; readonly partition: number } {
  const slash = topicPartition.lastIndexOf('/');
  return { topic: topicPartition.slice(0, slash), partition: Number(topicPartition.slice(slash + 1)) };
}

/** What has become of a metric of an experiment revision, for the log. */
export function changeInWords(key: string, { metric, what }: MetricChange): string {
  const subject = `metric "${metric}" of experiment ${key}`;
  switch (what) {
    case 'added':
      return `${subject} is new: it is measured from now on, for units not seen before`;
    case 'changed':
      return `${subject} is now another kind or tuned differently: its evidence starts afresh, for units not seen before`;
    case 'removed':
      return `${subject} is no longer measured: its evidence is dropped`;
    default:
      return what satisfies never;
  }
}

/**
 * Drops the snapshots of one experiment revision, and the positions of its places: they are read again from where the log begins.
 * @returns the places
 */
async function startOver(tx: Queryable, rows: readonly EvidenceSnapshot[]): Promise<ReadonlySet<string>> {
  const places = new Set<string>();
  const store = createEvidenceStore(tx);
  const positions = createPositions(tx, ANALYZER_GROUP);
  for (const { experiment, revision, positions: at } of rows) {
    await store.forget(tx, experiment, revision);
    for (const place of Object.keys(at)) {
      places.add(place);
      const { topic, partition } = topicAndPartition(place);
      await positions.forget(tx, topic, partition);
    }
  }
  return places;
}

/** The snapshot of one experiment in one part, and the chunks of its unit memory that are new. */
function snapshotsOf(part: Part, entry: PartEvidence, { known, nowMs }: SnapshotSubject): EvidenceSnapshot[] {
  const { experiment, revision } = known.design;
  const place = partKey(part.topic, part.partition);
  // A place that is read again for another experiment may stand before what is in this evidence already.
  const positions = { [place]: Math.max(part.nextOffset as number, foldedToIn(part, entry)) };
  const row = (topicPartition: string, evidence: Buffer): EvidenceSnapshot => ({
    experiment,
    revision,
    topicPartition,
    positions,
    evidence,
    takenAtMs: nowMs,
  });
  const stale = entry.unitLog.collect(entry.evidence.units);
  const chunks = entry.unitLog.waiting.map(({ number, changes }) =>
    row(chunkPlace(place, number), encodeUnitChunk(changes)),
  );
  const stored: StoredEvidence = {
    definition: known.definition,
    ...entry.unitLog.extent,
    chunkForm: CHUNK_FORM,
    log: part.log,
    partitions: known.design.partitions,
    evidence: encodeEvidence(entry.evidence),
  };
  return [
    row(place, Buffer.from(JSON.stringify(stored))),
    ...stale.map((number) => row(chunkPlace(place, number), Buffer.alloc(0))),
    ...chunks,
  ];
}

function chunkPlace(place: string, index: number): string {
  return `${place}#units-${index}`;
}

function isChunk(topicPartition: string): boolean {
  return topicPartition.includes('#units-');
}
