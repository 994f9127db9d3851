import { type EvidenceSummarised, topics } from '#libs/contracts';
import { decodeMergeable, evidenceDesign, mergeableEvidence, type MergeableEvidence } from '#libs/evidence';
import {
  consumeEvents,
  type EventBatch,
  type MemberWitness,
  type Subscription,
  UnprocessableEventError,
} from '#libs/messaging';
import {
  createEvidenceStore,
  listParts,
  PartsLostError,
  requireParts,
  slowestPart,
  storedPositions,
  takePart,
  type TakenPart,
} from '#libs/persistence/analyzer';
import { analysesOf, type AnalysisPublisher } from '../analysis-publisher.js';
import type { AnalyzerOptions } from '../analyzer-options.js';
import { experimentKey, type KnownExperiment, partKey } from '../evidence-part.js';
import { ANALYZER_GROUP, readSaid, RETENTION_MS } from '../snapshots.js';
import { type ReadState, StatesOfParts } from './states-of-parts.js';

const VERIFY_EVERY_MS = 1_000;
/** After so long the carrier has not told either that somebody else owns the evidence. */
const STUCK_AFTER_MS = 10_000;
/** The group whose one member adds the parts up. */
const OWNERS_GROUP = `${ANALYZER_GROUP}-owner`;

export interface EvidenceOwnerOptions extends Pick<
  AnalyzerOptions,
  'bus' | 'database' | 'clock' | 'log' | 'measured' | 'tracer' | 'analyseEveryMs'
> {
  /** Of the topics keyed by unit. */
  readonly partitions: number;
  /** By `experimentKey`; what only snapshots tell is added. */
  readonly known: Map<string, KnownExperiment>;
  /** Revisions by `experimentKey` that are not analysed any more. */
  readonly refused: ReadonlySet<string>;
  /** False where the database has not answered lately, see `Leadership`. */
  readonly isCertain: () => boolean;
  /** After how long without an answer of the database somebody else may own the evidence. */
  readonly certainForMs: number;
  /** Of the processes that may own it. */
  readonly witness: MemberWitness;
  /** Somebody else owns the evidence, and it is not told so. */
  readonly onStuck: (error: Error) => void;
}

/** The evidence while this process owns it. */
interface Ownership {
  readonly taken: TakenPart;
  readonly states: StatesOfParts;
  readonly publisher: AnalysisPublisher;
  /** When the database last said that it is so, on the clock of `performance.now()`. */
  verifiedAtMs: number;
}

/**
 * Adds up what all parts say and publishes the analyses, in whichever process has the partition of the summaries. It begins with what is
 * stored, since whatever was published was stored before, and goes on with what is published.
 */
export class EvidenceOwner {
  readonly subscription: Subscription;
  private own: Ownership | null = null;
  /** Beginnings and ends follow each other. */
  private turn: Promise<void> = Promise.resolve();
  private lostSinceMs: number | null = null;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly options: EvidenceOwnerOptions) {
    const { bus, clock, log, witness } = options;
    this.subscription = consumeEvents({
      bus,
      group: OWNERS_GROUP,
      nowMs: () => clock.nowMs(),
      log,
      handlers: new Map([[topics.evidenceSummarised.name, { takes: 'batch', handle: (batch) => this.take(batch) }]]),
      newest: { [topics.evidenceSummarised.name]: 1 },
      startFrom: 'latest',
      onAssigned: (topic, partition) => this.next(() => this.begin(topic, partition)),
      onRevoked: () => this.next(() => this.end(false)),
      witness,
    });
    this.timer = setInterval(() => void this.verify(), VERIFY_EVERY_MS);
  }

  /** An experiment is new, or judged by another policy. */
  noteKnown(key: string): void {
    const { own } = this;
    if (own && (own.states.has(key) || own.states.isUntouched(key))) own.publisher.note(key);
  }

  async close(isOrderly: boolean): Promise<void> {
    clearInterval(this.timer);
    await this.next(() => this.end(isOrderly));
    await this.subscription.close();
  }

  private next(work: () => Promise<void>): Promise<void> {
    const done = this.turn.catch(() => undefined).then(work);
    this.turn = done;
    done.catch(() => undefined);
    return done;
  }

  private async begin(topic: string, partition: number): Promise<void> {
    const { database, known, refused, clock } = this.options;
    await this.end(false);
    const verifiedAtMs = performance.now();
    const generation = await takePart(database, { topic, partition });
    const states = new StatesOfParts();
    const own = { taken: { topic, partition, generation }, states, publisher: this.publisherFor(states), verifiedAtMs };
    await this.loadAll(states);
    this.own = own;
    for (const key of states.keys()) own.publisher.note(key);
    // Of what nothing is stored that is said as well: else nobody could tell it from an analyzer that is dead.
    for (const [key, { definition }] of known) {
      const isRecent = clock.nowMs() - Date.parse(definition.definedAt) < RETENTION_MS;
      if (isRecent && states.isUntouched(key) && !refused.has(key)) own.publisher.note(key);
    }
  }

  private async end(isOrderly: boolean): Promise<void> {
    const { own } = this;
    this.lostSinceMs = null;
    if (own && isOrderly) await own.publisher.close(true);
    this.own = null;
    await own?.publisher.close(false);
  }

  private publisherFor(states: StatesOfParts): AnalysisPublisher {
    return analysesOf(this.options, {
      mayPublish: () => this.own?.states === states && this.isCertain(this.own),
      source: (key) => {
        const { design } = this.options.known.get(key)!;
        return { design, parts: states.evidenceOf(key, design) };
      },
    });
  }

  private isCertain({ verifiedAtMs }: Ownership): boolean {
    const { isCertain, certainForMs } = this.options;
    return isCertain() && performance.now() - verifiedAtMs < certainForMs;
  }

  /** A process that was stopped finds out here that another one has the evidence. */
  private async verify(): Promise<void> {
    const { own, lostSinceMs } = this;
    if (lostSinceMs !== null && performance.now() - lostSinceMs > STUCK_AFTER_MS)
      this.options.onStuck(new Error('another analyzer owns the evidence'));
    if (!own) return;
    const atMs = performance.now();
    try {
      await requireParts(this.options.database, [own.taken]);
      own.states.foldedUntilMs = await slowestPart(this.options.database);
      own.verifiedAtMs = atMs;
    } catch (error) {
      if (!(error instanceof PartsLostError) || this.own !== own) return;
      await this.next(() => this.end(false));
      this.lostSinceMs = performance.now();
    }
  }

  private async take({ events }: EventBatch): Promise<void> {
    const summaries = events.flatMap(({ event }) =>
      event.type === topics.evidenceSummarised.name && this.mayBeNews(event.data) ? [event] : [],
    );
    if (summaries.length === 0) return;
    const stored = await storedPositions(
      this.options.database,
      summaries.map(({ data: { topicPartition: place, ...data } }) => ({ ...data, place })),
    );
    for (const [index, { data, traceparent }] of summaries.entries()) {
      const { own } = this;
      if (!own) throw new Error('the evidence is not owned here any more');
      if (!(await this.put(own, data, stored[index]))) continue;
      own.publisher.note(experimentKey(data.experiment, data.revision), traceparent);
    }
  }

  /** What is older than what is there need not be looked for in the database. */
  private mayBeNews(data: EvidenceSummarised): boolean {
    const { own } = this;
    if (!own) throw new Error('the evidence is not owned here any more');
    const { experiment, revision, topicPartition: place, generation } = data;
    const state = { place, generation, position: positionOf(data) };
    return own.states.isNews(experimentKey(experiment, revision), state);
  }

  /** False where it is not analysed, or not newer than what is there. */
  private async put({ states }: Ownership, data: EvidenceSummarised, stored: number | undefined): Promise<boolean> {
    const { experiment, revision, topicPartition: place, generation, refused, evidence } = data;
    const key = experimentKey(experiment, revision);
    if (this.options.refused.has(key)) return false;
    const state = { place, generation, position: positionOf(data) };
    if (!states.isNews(key, state)) return false;
    // It was stored before it was published.
    const known = this.options.known.get(key);
    if (evidence === null || evidence === undefined || !known)
      return (await this.loadRevision(states, experiment, revision)) > 0;
    await this.requireTaken(states, place, generation);
    requireStored(data, stored);
    const sent = { evidence, refused } as MergeableEvidence;
    states.put(key, { ...state, sent }, readBy(known, place, sent));
    return true;
  }

  /**
   * A part that has changed hands since is noted in the database; whoever may write to the bus alone can't have what is true refused as older.
   * @throws UnprocessableEventError
   */
  private async requireTaken(states: StatesOfParts, place: string, generation: number): Promise<void> {
    const { generations } = states;
    if (generation <= (generations.get(place) ?? 0)) return;
    await this.noteGenerations(states);
    const times = generations.get(place) ?? 0;
    if (generation > times)
      throw new UnprocessableEventError(`${place} has changed hands ${times} times, and not ${generation}`);
  }

  private async noteGenerations({ generations }: StatesOfParts): Promise<void> {
    for (const { topic, partition, generation } of await listParts(this.options.database))
      generations.set(partKey(topic, partition), generation);
  }

  private async loadAll(states: StatesOfParts): Promise<void> {
    const { database, clock } = this.options;
    // What is stored is at least as new as everything that was published by now, whoever had the parts since.
    await this.noteGenerations(states);
    const revisions = new Map<string, { experiment: string; revision: number; takenAtMs: number }>();
    for (const { experiment, revision, takenAtMs } of await createEvidenceStore(database).list()) {
      const key = experimentKey(experiment, revision);
      const newestMs = Math.max(takenAtMs, revisions.get(key)?.takenAtMs ?? 0);
      revisions.set(key, { experiment, revision, takenAtMs: newestMs });
      states.touch(key);
    }
    for (const { experiment, revision, takenAtMs } of revisions.values())
      if (takenAtMs >= clock.nowMs() - RETENTION_MS) await this.loadRevision(states, experiment, revision);
  }

  /** @returns of how many parts it was found */
  private async loadRevision(states: StatesOfParts, experiment: string, revision: number): Promise<number> {
    const { database, known, refused, partitions, log } = this.options;
    const key = experimentKey(experiment, revision);
    const rows = await createEvidenceStore(database).load({ experiment, revision, isBare: true });
    let found = 0;
    for (const row of rows) {
      try {
        const { definition, partitions: before, said } = readSaid(row);
        if (refused.has(key) || (before !== undefined && before !== partitions)) return 0;
        if (!known.has(key)) known.set(key, { definition, design: evidenceDesign(definition, partitions) });
        const { place, generation, positions, encoded } = said;
        const sent = mergeableEvidence(encoded, said.refused);
        const newest = Math.max(generation, states.generations.get(place) ?? 0);
        states.put(key, { place, generation: newest, position: positions[place] ?? 0, sent });
        found += 1;
      } catch (error) {
        log.warn(
          `stored evidence of experiment ${key} in ${row.topicPartition} cannot be read: ${(error as Error).message}`,
        );
      }
    }
    return found;
  }
}

/** The offset up to which the part is folded, as it says. */
function positionOf({ positions, topicPartition }: EvidenceSummarised): number {
  return positions[topicPartition] ?? 0;
}

/**
 * What analyzers say was stored before: whoever may write to the bus alone can't have what is true refused as older than a place in the log that nobody has come to.
 * @param stored the offset up to which it is, undefined where nothing is
 * @throws UnprocessableEventError
 */
function requireStored(data: EvidenceSummarised, stored: number | undefined): void {
  const position = positionOf(data);
  if (stored !== undefined && position <= stored) return;
  const { experiment, revision, topicPartition } = data;
  const until = stored === undefined ? 'not at all' : `up to offset ${stored}`;
  const of = `the evidence of ${experimentKey(experiment, revision)} in ${topicPartition}`;
  throw new UnprocessableEventError(`${of} is stored ${until}, and not up to ${position}`);
}

/** @throws UnprocessableEventError for what no analyzer has written: the part then stays as it was said before */
function readBy({ design }: KnownExperiment, place: string, sent: MergeableEvidence): ReadState {
  try {
    return { by: design.metrics, evidence: decodeMergeable(design, sent) };
  } catch (error) {
    const { experiment, revision } = design;
    const message = `the evidence of ${experimentKey(experiment, revision)} in ${place} can't be read: ${(error as Error).message}`;
    throw new UnprocessableEventError(message);
  }
}
