import { type EvidenceDesign, evidenceDesign } from '#libs/evidence';
import type { KeptPosition } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import {
  createEvidenceStore,
  type EvidenceSnapshot,
  type FoldedPart,
  PartsLostError,
  requireParts,
  takePart,
} from '#libs/persistence/analyzer';
import type { AnalyzerOptions } from '../analyzer-options.js';
import {
  emptyPart,
  experimentKey,
  type KnownExperiment,
  type Part,
  type PartEvidence,
  partKey,
} from '../evidence-part.js';
import type { Folding } from '../folding.js';
import {
  forgetStored,
  goOn,
  type LoadedEvidence,
  loadRevision,
  noteRefolded,
  otherPartitionsInWords,
  positionIn,
  readSaid,
  UnreadableEvidenceError,
} from '../snapshots.js';

/**
 * What was saved within so long before the newest snapshot of a part may not have been published by whoever had the part: it is said again.
 * Snapshots are followed by their publication, so this is what an owner may be late in publishing while it still saves.
 */
const SAY_AGAIN_MS = 60_000;

export interface HeldPartsOptions extends Pick<AnalyzerOptions, 'log'> {
  readonly database: Database;
  readonly folding: Folding;
  /** Of the topics keyed by unit. */
  readonly partitions: number;
  /** What of the evidence does not go on; added to. */
  readonly loaded: Pick<LoadedEvidence, 'refused' | 'refolded'>;
  /** It reads what others have, and is not told so. */
  readonly onStuck: (error: Error) => void;
  /** Puts policies in force that were heard of. */
  readonly takePolicies: () => Promise<void>;
}

/** After so long the carrier has not told either that a part was taken over that is read here still. */
const STUCK_AFTER_MS = 10_000;

/** The partitions that this process has been given, each with the evidence that was saved of it. */
export class HeldParts {
  private readonly held = new Map<string, Part>();
  /** Parts that are being given back: whoever gets one of them again begins anew. */
  private readonly leaving = new Set<Part>();
  /** By place; one after the other. */
  private readonly taking = new Map<string, Promise<unknown>>();
  /** The metrics by which evidence was read. */
  private readonly judgedBy = new WeakMap<PartEvidence, EvidenceDesign['metrics']>();
  /** By place: up to when it was folded, at the most. */
  private readonly foldedUntilMs = new Map<string, number>();
  /** By place: since when records come of a part that is not held. */
  private readonly strayingSinceMs = new Map<string, number>();

  constructor(private readonly options: HeldPartsOptions) {}

  values(): Iterable<Part> {
    return this.held.values();
  }

  /** @throws where the part is not, or no more, in these hands */
  require(topic: string, partition: number): void {
    const place = partKey(topic, partition);
    if (this.held.has(place)) return;
    const error = new Error(`${topic}[${partition}] was taken over by another analyzer`);
    const sinceMs = this.strayingSinceMs.get(place) ?? performance.now();
    this.strayingSinceMs.set(place, sinceMs);
    if (performance.now() - sinceMs > STUCK_AFTER_MS) this.options.onStuck(error);
    throw error;
  }

  /**
   * Takes the part from whoever had it, with its evidence as it was saved last; goes on with what is here where nobody else has had it since.
   * @returns where to go on reading it
   */
  async take(topic: string, partition: number): Promise<KeptPosition | undefined> {
    const place = partKey(topic, partition);
    const before = this.taking.get(place) ?? Promise.resolve();
    const taken = before.catch(() => undefined).then(() => this.takeNow(topic, partition));
    this.taking.set(place, taken);
    return positionIn(this.options.database, await taken);
  }

  /** Gives the part away, once `save` has saved it. */
  async giveBack(topic: string, partition: number, save: () => Promise<void>): Promise<void> {
    const part = this.held.get(partKey(topic, partition));
    if (!part) return;
    this.leaving.add(part);
    await save();
    if (this.held.get(partKey(topic, partition)) === part) this.drop(topic, partition);
    this.leaving.delete(part);
  }

  /** Somebody else has it, or may have. */
  drop(topic: string, partition: number): void {
    const place = partKey(topic, partition);
    for (const kept of [this.held, this.options.folding.parts, this.foldedUntilMs]) kept.delete(place);
  }

  /** How far each part is folded: up to `nowMs` where nothing of its topic is left to be folded. */
  foldedUntil(lag: Readonly<Record<string, number>>, nowMs: number): readonly FoldedPart[] {
    return [...this.held].flatMap(([place, { topic, partition, generation, foldedAtMs = 0 }]) => {
      const untilMs = Math.max(this.foldedUntilMs.get(place) ?? 0, lag[topic] === 0 ? nowMs : foldedAtMs);
      this.foldedUntilMs.set(place, untilMs);
      return untilMs === 0 ? [] : [{ topic, partition, generation, untilMs }];
    });
  }

  private async takeNow(topic: string, partition: number): Promise<Part> {
    const place = partKey(topic, partition);
    const here = this.held.get(place);
    if (here && !this.leaving.has(here) && (await this.isStillHeld(here))) return here;
    this.drop(topic, partition);
    let part = await this.load(topic, partition);
    // Another policy came into force here while it was read.
    while (!this.isJudgedAsKnown(part)) part = await this.load(topic, partition);
    this.held.set(place, part);
    this.options.folding.parts.set(place, part);
    this.strayingSinceMs.delete(place);
    return part;
  }

  private isJudgedAsKnown({ experiments }: Part): boolean {
    const { known } = this.options.folding.definitions;
    return [...experiments].every(([key, entry]) => known.get(key)?.design.metrics === this.judgedBy.get(entry));
  }

  private async isStillHeld(part: Part): Promise<boolean> {
    try {
      await requireParts(this.options.database, [part]);
      return true;
    } catch (error) {
      if (error instanceof PartsLostError) return false;
      throw error;
    }
  }

  private async load(topic: string, partition: number): Promise<Part> {
    const { database } = this.options;
    const place = partKey(topic, partition);
    const { generation, rows } = await database.transaction(async (tx) => ({
      generation: await takePart(tx, { topic, partition }),
      // After the part was taken: what its last owner was writing is there by then.
      rows: await createEvidenceStore(tx).load({ place, isBare: true }),
    }));
    const part = { ...emptyPart(topic, partition), generation };
    const newestMs = rows.reduce((newest, { takenAtMs }) => Math.max(newest, takenAtMs), -Infinity);
    for (const row of rows) {
      const known = await this.knownFrom(row);
      if (known) await this.loadInto(part, known, row.takenAtMs >= newestMs - SAY_AGAIN_MS);
    }
    await goOn(database, part);
    return part;
  }

  /** As what the experiment of a snapshot is known here; null where it is not analysed any more. */
  private async knownFrom(row: EvidenceSnapshot): Promise<KnownExperiment | null> {
    const { folding, partitions, log, loaded } = this.options;
    const { known } = folding.definitions;
    const key = experimentKey(row.experiment, row.revision);
    if (loaded.refused.has(key)) return null;
    const given = this.givenBy(row);
    if (given === null) return known.get(key) ?? this.startOver(row);
    if (given.partitions !== undefined && given.partitions !== partitions) {
      loaded.refused.add(key);
      known.delete(key);
      log.warn(otherPartitionsInWords(given.design, given.partitions));
      return null;
    }
    const here = known.get(key);
    if (!here) known.set(key, { definition: given.definition, design: given.design });
    else if (here.design.policy < given.design.policy) await this.adopt(key, given);
    return known.get(key) ?? null;
  }

  private givenBy(row: EvidenceSnapshot): (KnownExperiment & { readonly partitions: number | undefined }) | null {
    try {
      const { definition, partitions } = readSaid(row);
      return { definition, partitions, design: evidenceDesign(definition, this.options.partitions) };
    } catch {
      return null;
    }
  }

  /** Of evidence that can't be read, and of which not even the experiment is known yet. */
  private async startOver(row: EvidenceSnapshot): Promise<null> {
    const { database, log, loaded } = this.options;
    log.warn(await forgetStored(database, row));
    noteRefolded(loaded, row.topicPartition, experimentKey(row.experiment, row.revision));
    return null;
  }

  /** Whoever had the part has heard of a policy that is not in force here yet. */
  private async adopt(key: string, given: KnownExperiment): Promise<void> {
    const { folding, takePolicies } = this.options;
    folding.hear(key, given);
    await takePolicies();
    const { design } = folding.definitions.known.get(key)!;
    if (design.policy < given.design.policy)
      throw new Error(
        `experiment ${key} is judged by policy ${given.design.policy}, which could not be put in force yet`,
      );
  }

  private async loadInto(part: Part, known: KnownExperiment, isSaidAgain: boolean): Promise<void> {
    const { database, log, loaded } = this.options;
    const key = experimentKey(known.design.experiment, known.design.revision);
    const place = partKey(part.topic, part.partition);
    try {
      const { entries, warnings } = await loadRevision(database, known, place);
      for (const warning of warnings) log.warn(warning);
      const entry = entries.get(place);
      if (!entry) return;
      if (isSaidAgain) entry.isDirty = true;
      this.judgedBy.set(entry, known.design.metrics);
      part.experiments.set(key, entry);
    } catch (error) {
      if (!(error instanceof UnreadableEvidenceError)) throw error;
      log.warn(error.message);
      noteRefolded(loaded, place, key);
    }
  }
}
