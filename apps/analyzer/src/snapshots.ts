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
import { createEvidenceStore, type EvidenceSnapshot, type ListedEvidence } from '#libs/persistence/analyzer';
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

/** What was not changed for so long before the newest change of all rests in the tables alone, until something comes for it. */
export const RESTS_AFTER_MS = 3_600_000;

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
  /** See {@link Part.generation}; absent in snapshots of before. */
  readonly generation?: number;
  /** Observations that the memory of units turned away; absent in snapshots of before. */
  readonly refused?: number;
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
  /** Revisions by {@link experimentKey} that are known and whose evidence was left in the tables, see {@link loadRevision}. */
  readonly resting: Set<string>;
  /** Revisions by {@link experimentKey} whose events are folded again, by the place that they are read from. */
  readonly refolded: Map<string, Set<string>>;
  /** What of the stored evidence does not go on, and why; for the log. */
  readonly warnings: string[];
}

/**
 * What was saved, as of one moment, and which revisions rest. A metric that means something else than it did then starts afresh by itself. An experiment
 * whose snapshots can't be read starts over: its places are read again from where the log begins, for it alone (see
 * {@link PartEvidence.foldedTo}); the others keep theirs. One that was folded from another number of partitions is refused: a unit whose
 * events go on in another partition would count as two there, and folding the log again would count it twice as well.
 */
export async function loadParts(database: Database, designOf: DesignOf, nowMs: number): Promise<LoadedEvidence> {
  return database.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read');
    const store = createEvidenceStore(tx);
    const listed = await store.list();
    const isRecent = revisionsSavedSince(listed, nowMs - RETENTION_MS);
    for (const row of listed) if (!isRecent(row) && !isChunk(row.topicPartition)) await store.forget(tx, row);
    const loaded = nothingLoaded();
    const kept = listed.filter(isRecent);
    const newestMs = kept.reduce((newest, { takenAtMs }) => Math.max(newest, takenAtMs), -Infinity);
    const isAwake = revisionsSavedSince(kept, newestMs - RESTS_AFTER_MS);
    for (const [key, own] of byRevision(kept)) {
      if (!isAwake(own[0]!) && (await leaveAtRest(tx, loaded, { key, own, designOf }))) continue;
      await takeRevision(tx, loaded, { key, own, designOf });
    }
    for (const part of loaded.parts.values()) await goOn(tx, part);
    return loaded;
  });
}

/** Before anything is loaded. */
export function nothingLoaded(): LoadedEvidence {
  return {
    parts: new Map(),
    experiments: new Map(),
    refused: new Set(),
    resting: new Set(),
    refolded: new Map(),
    warnings: [],
  };
}

/** Has a part go on where it was left. */
export async function goOn(database: Queryable, part: Part): Promise<void> {
  const saved = await savedPosition(database, part);
  // Where an operator wants it to go on elsewhere, the carrier knows where that is.
  part.nextOffset = typeof saved?.offset === 'number' ? saved.offset : undefined;
  part.log = saved?.log ?? undefined;
  part.savedOffset = part.nextOffset;
}

/** Where a part is read from; of one that no snapshot mentions, where it was left. */
export async function positionIn(database: Queryable, part: Part): Promise<KeptPosition | undefined> {
  const { nextOffset, log = null } = part;
  return nextOffset === undefined ? savedPosition(database, part) : { offset: nextOffset, log };
}

function savedPosition(database: Queryable, { topic, partition }: Part): Promise<KeptPosition | undefined> {
  return createPositions(database, ANALYZER_GROUP).kept(topic, partition);
}

/** Notes that what was folded of a revision from a place is folded again. */
export function noteRefolded({ refolded }: Pick<LoadedEvidence, 'refolded'>, place: string, key: string): void {
  refolded.set(place, (refolded.get(place) ?? new Set()).add(key));
}

/** The snapshots of one revision. */
interface StoredRevision {
  /** See {@link experimentKey}. */
  readonly key: string;
  readonly own: readonly ListedEvidence[];
  readonly designOf: DesignOf;
}

async function takeRevision(tx: Queryable, loaded: LoadedEvidence, { key, own, designOf }: StoredRevision) {
  const { experiment, revision } = own[0]!;
  const rows = await createEvidenceStore(tx).load({ experiment, revision });
  try {
    take(loaded, key, restore(rows, designOf));
  } catch (error) {
    for (const place of await startOver(tx, rows)) noteRefolded(loaded, place, key);
    loaded.warnings.push(unreadableInWords(key, error));
  }
}

function unreadableInWords(key: string, error: unknown): string {
  return (
    `stored evidence of experiment ${key} cannot be read (${(error as Error).message}): ` +
    'its events are folded again as far back as the log reaches; other experiments keep their evidence'
  );
}

/** False where that can't be told without reading all of it. */
async function leaveAtRest(
  tx: Queryable,
  loaded: LoadedEvidence,
  { key, own, designOf }: StoredRevision,
): Promise<boolean> {
  const places = own.flatMap(({ topicPartition }) => (isChunk(topicPartition) ? [] : [topicPartition]));
  const { experiment, revision } = own[0]!;
  const [row] = await createEvidenceStore(tx).load({ experiment, revision, topicPartition: places[0] ?? '' });
  let restored: Restored;
  try {
    const { definition, partitions } = readSaid(row!);
    restored = {
      known: { definition, design: designOf(definition) },
      partitions,
      entries: new Map(),
      warnings: new Set(),
    };
  } catch {
    return false;
  }
  take(loaded, key, restored);
  if (loaded.refused.has(key)) return true;
  loaded.resting.add(key);
  for (const place of places) partIn(loaded.parts, place);
  return true;
}

/** Stored evidence that can't be read; its places were made to be read again from where the log begins. */
export class UnreadableEvidenceError extends Error {
  override readonly name = 'UnreadableEvidenceError';
}

/**
 * The evidence of a revision, by place (see {@link partKey}); nothing where none was saved.
 * @param known as what it is known
 * @param place of which alone it is read, and made to be read again; default: all
 * @throws UnreadableEvidenceError
 */
export async function loadRevision(
  database: Database,
  known: KnownExperiment,
  place?: string,
): Promise<Pick<Restored, 'entries' | 'warnings'>> {
  const { experiment, revision } = known.design;
  const found = await database.transaction(async (tx) => {
    const where = place === undefined ? {} : { place };
    const rows = await createEvidenceStore(tx).load({ experiment, revision, ...where });
    if (rows.length === 0) return { entries: new Map<string, PartEvidence>(), warnings: new Set<string>() };
    try {
      return restore(rows, () => known.design, known);
    } catch (error) {
      await startOver(tx, rows, place);
      return new UnreadableEvidenceError(unreadableInWords(experimentKey(experiment, revision), error));
    }
  });
  if (found instanceof Error) throw found;
  return found;
}

export interface SaveOptions {
  /** By {@link experimentKey}. */
  readonly experiments: ReadonlyMap<string, KnownExperiment>;
  readonly nowMs: number;
  /** Throws in the transaction where somebody else may write by now. */
  readonly fence?: (tx: Queryable) => Promise<void>;
  /** Throws in the transaction where somebody else has one of these parts by now; asked before anything is written. */
  readonly require?: (tx: Queryable, parts: ReadonlySet<Part>) => Promise<void>;
  /** Called with what has been saved, transaction by transaction. */
  readonly onSaved?: (said: readonly SaidByPart[]) => void;
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
  { experiments, nowMs, sliceMs = Infinity, ...guards }: SaveOptions,
): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  let slice = emptySlice();
  const endSlice = async (): Promise<void> => {
    await write(database, slice, guards);
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
  await write(database, slice, guards);
  return failed;
}

/** How much is encoded at a time where it is written in slices. */
const SLICE_BYTES = 1_000_000;

interface SavedEntry {
  readonly part: Part;
  readonly entry: PartEvidence;
  readonly said: SaidByPart;
  readonly chunks: number;
}

/** What is saved in one transaction. */
interface Slice {
  readonly beganAtMs: number;
  bytes: number;
  readonly snapshots: EvidenceSnapshot[];
  /** Parts of which all is saved, with their new positions. */
  readonly moved: Map<Part, number>;
  readonly saved: SavedEntry[];
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
    const { rows, said } = snapshotsOf(part, entry, about);
    slice.snapshots.push(...rows);
    slice.saved.push({ part, entry, said, chunks: entry.unitLog.waiting.length });
    entry.isDirty = false;
    for (const { evidence } of rows) slice.bytes += evidence.length;
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

async function write(
  database: Database,
  { snapshots, moved, saved }: Slice,
  { fence, require, onSaved }: Pick<SaveOptions, 'fence' | 'require' | 'onSaved'>,
): Promise<void> {
  if (moved.size === 0 && snapshots.length === 0) return;
  try {
    await database.transaction(async (tx) => {
      const positions = createPositions(tx, ANALYZER_GROUP);
      await require?.(tx, new Set([...moved.keys(), ...saved.map(({ part }) => part)]));
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
  onSaved?.(saved.map(({ said }) => said));
}

/** Whether a snapshot belongs to a revision of which any part was saved since then: its parts stay or go together. */
function revisionsSavedSince(
  rows: readonly ListedEvidence[],
  sinceMs: number,
): (row: Pick<EvidenceSnapshot, 'experiment' | 'revision'>) => boolean {
  const recent = new Set(
    rows.flatMap(({ experiment, revision, takenAtMs }) =>
      takenAtMs >= sinceMs ? [experimentKey(experiment, revision)] : [],
    ),
  );
  return ({ experiment, revision }) => recent.has(experimentKey(experiment, revision));
}

/** By {@link experimentKey}. */
function byRevision<Row extends ListedEvidence>(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const grouped = new Map<string, Row[]>();
  for (const row of rows) {
    const key = experimentKey(row.experiment, row.revision);
    const own = grouped.get(key);
    if (own) own.push(row);
    else grouped.set(key, [row]);
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

/**
 * @param as what the experiment is known; absent: as its snapshots say
 * @throws when one of the experiment's snapshots can't be read.
 */
function restore(rows: readonly EvidenceSnapshot[], designOf: DesignOf, as?: KnownExperiment): Restored {
  const byPlace = new Map(rows.map((row) => [row.topicPartition, row.evidence]));
  const entries = new Map<string, PartEvidence>();
  const warnings = new Set<string>();
  let known = as;
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
        warnings.add(changeInWords(experimentKey(row.experiment, row.revision), change));
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

/** Why an experiment is not analysed any more whose units were in other partitions before. */
export function otherPartitionsInWords({ experiment, revision, partitions }: EvidenceDesign, before: number): string {
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
    partIn(loaded.parts, place).experiments.set(key, entry);
  }
}

/** The part of a place, see {@link partKey}; empty at first. */
export function partIn(parts: Map<string, Part>, place: string): Part {
  const known = parts.get(place);
  if (known) return known;
  const { topic, partition } = topicAndPartition(place);
  const fresh = emptyPart(topic, partition);
  parts.set(place, fresh);
  return fresh;
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
async function startOver(
  tx: Queryable,
  rows: readonly EvidenceSnapshot[],
  place?: string,
): Promise<ReadonlySet<string>> {
  const places = new Set<string>();
  const store = createEvidenceStore(tx);
  const positions = createPositions(tx, ANALYZER_GROUP);
  for (const { experiment, revision, positions: at } of rows) {
    await store.forget(tx, { experiment, revision, ...(place === undefined ? {} : { place }) });
    for (const own of Object.keys(at)) {
      places.add(own);
      const { topic, partition } = topicAndPartition(own);
      await positions.forget(tx, topic, partition);
    }
  }
  return places;
}

/**
 * Drops what is stored of one experiment in one place, and the position of that place, because it can't be read.
 * @returns that it is folded again, for the log
 */
export async function forgetStored(database: Database, row: EvidenceSnapshot): Promise<string> {
  await database.transaction((tx) => startOver(tx, [row], row.topicPartition));
  return unreadableInWords(experimentKey(row.experiment, row.revision), new Error(row.topicPartition));
}

/** The snapshot of one experiment in one part, and the chunks of its unit memory that are new. */
function snapshotsOf(
  part: Part,
  entry: PartEvidence,
  { known, nowMs }: SnapshotSubject,
): { readonly rows: readonly EvidenceSnapshot[]; readonly said: SaidByPart } {
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
    generation: part.generation,
    refused: entry.evidence.units.refused,
    evidence: encodeEvidence(entry.evidence),
  };
  const rows = [
    row(place, Buffer.from(JSON.stringify(stored))),
    ...stale.map((number) => row(chunkPlace(place, number), Buffer.alloc(0))),
    ...chunks,
  ];
  return { rows, said: { experiment, revision, place, positions, ...saidIn(known.definition, stored) } };
}

/** What one part says of an experiment, as it is stored. */
export interface SaidByPart {
  readonly experiment: string;
  readonly revision: number;
  readonly policy: number;
  /** See {@link partKey}. */
  readonly place: string;
  readonly positions: Readonly<Record<string, number>>;
  /** See {@link Part.generation}. */
  readonly generation: number;
  readonly encoded: EncodedEvidence;
  readonly refused: number;
}

function saidIn(
  { policy = 0 }: ExperimentDefined,
  { generation = 0, refused = 0, evidence }: StoredEvidence,
): Pick<SaidByPart, 'policy' | 'generation' | 'refused' | 'encoded'> {
  return { policy, generation, refused, encoded: evidence };
}

/**
 * What a snapshot says, without the memory of its units, and the definition by which it does.
 * @throws when it can't be read.
 */
export function readSaid({ experiment, revision, topicPartition: place, positions, evidence }: EvidenceSnapshot): {
  readonly definition: ExperimentDefined;
  readonly partitions: number | undefined;
  readonly said: SaidByPart;
} {
  const stored = JSON.parse(evidence.toString('utf8')) as StoredEvidence;
  const definition = experimentDefined.parse(stored.definition);
  const { partitions } = stored;
  return { definition, partitions, said: { experiment, revision, place, positions, ...saidIn(definition, stored) } };
}

function chunkPlace(place: string, index: number): string {
  return `${place}#units-${index}`;
}

function isChunk(topicPartition: string): boolean {
  return topicPartition.includes('#units-');
}
