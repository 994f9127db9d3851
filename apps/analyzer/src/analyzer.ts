import {
  evidenceDesign,
  type EvidenceDesign,
  foldEvent,
  initialEvidence,
  OBSERVED_TOPICS,
  type ObservedEvent,
} from '#libs/evidence';
import {
  consumeEvents,
  DeadLetters,
  type EventBatch,
  type EventBus,
  type OrderTrust,
  type ReceivedEvent,
  type Subscription,
  unitPartitions,
  UnprocessableEventError,
} from '#libs/messaging';
import type { Database } from '#libs/persistence';
import { StalePositionError } from '#libs/persistence/positions';
import type { Clock, HealthCheck } from '#libs/platform';
import { AnalysisPublisher } from './analysis-publisher.js';
import type { AnalyzerMetrics } from './analyzer-metrics.js';
import { CatchUp } from './catch-up.js';
import { Definitions } from './definitions.js';
import {
  emptyPart,
  experimentKey,
  foldedToIn,
  type KnownExperiment,
  type Part,
  type PartEvidence,
  partEvidenceOf,
  partKey,
} from './evidence-part.js';
import { LeadLostError, type Leadership, takeTheLead } from './leadership.js';
import { leadershipCheck, type WhoReads } from './leadership-check.js';
import type { CountedEvidence } from './merged-total.js';
import { ANALYZER_GROUP, loadParts, RETENTION_MS, savedPosition, saveParts } from './snapshots.js';
import { takePolicy } from './take-policy.js';
import { WaitingEvents } from './waiting-events.js';

export interface AnalyzerOptions {
  /** With its topics created; stays the caller's. */
  readonly bus: EventBus;
  /** Migrated; stays the caller's. */
  readonly database: Database;
  readonly clock: Clock;
  /** Whose definitions count. Default: everybody's. */
  readonly trust?: OrderTrust;
  readonly log: { warn(message: string): void; error(message: string): void };
  /** Default: nothing is measured. */
  readonly measured?: AnalyzerMetrics;
  /** Shortest time between two analyses. Default 50 ms. */
  readonly analyseEveryMs?: number;
  /** Time between two snapshots. Default 1 s. */
  readonly snapshotEveryMs?: number;
  /** Pause before it starts again after losing the lead or its database. Default 1 s. */
  readonly restartAfterMs?: number;
  /** How long it may hang before another analyzer takes its lead. Default 7 s. */
  readonly hungAfterMs?: number;
  /** How long nobody may read before it is not ready. Default 15 s. */
  readonly leaderlessAfterMs?: number;
}

/** How often it is checked which events have waited for their definition long enough. */
const EXPIRE_EVERY_MS = 1_000;

/** How long a snapshot is encoded at a time, before events are folded again. */
const SLICE_MS = 10;

/** What runs while this process has the lead. */
interface Shift {
  readonly leadership: Leadership;
  readonly parts: Map<string, Part>;
  readonly definitions: Definitions;
  readonly waiting: WaitingEvents;
  /** See `LoadedEvidence`. */
  readonly refolded: ReadonlyMap<string, ReadonlySet<string>>;
  readonly deadLetters: DeadLetters;
  readonly publisher: AnalysisPublisher;
  readonly subscription: Subscription;
  readonly timers: readonly NodeJS.Timeout[];
  /** Why evidence can't be saved, as it was told last, by `experimentKey`. */
  readonly unsaved: Map<string, string>;
  /** Policies that were heard of and are not in force here yet, by `experimentKey`. */
  readonly policies: Map<string, KnownExperiment>;
  readonly catchUp: CatchUp;
  saving: Promise<void>;
  /** What ends the shift early. */
  fail(error: unknown): void;
  readonly failed: Promise<unknown>;
}

/**
 * Folds the log into evidence and publishes what it says, as soon as it changes.
 *
 * Evidence lives in memory, one state per partition of each topic, and is saved with the position it rests on in one
 * transaction. A restart continues from there: events after the position come again and are folded again, which gives bit for
 * bit what an uninterrupted run gives, because a partition's fold depends on nothing but its own events. Definitions come by a
 * subscription of their own; events that are earlier than theirs wait, and hold nobody else up (see `WaitingEvents`).
 */
export class Analyzer {
  private readonly stopping = new AbortController();
  private shift: Shift | null = null;
  private ended: Promise<void> = Promise.resolve();
  private isReading = false;
  /** Why the last shift ended early; undefined once one reads again. */
  private lastFailure: string | undefined;
  private announceLead: () => void = () => undefined;
  /** Resolves when this process has the lead and reads. */
  readonly leading = new Promise<void>((resolve) => (this.announceLead = resolve));

  constructor(private readonly options: AnalyzerOptions) {}

  /** Returns at once; see {@link leading}. */
  start(): void {
    this.ended = this.keepWorking();
  }

  /** Saves, publishes what is left, and gives the lead away. */
  async close(): Promise<void> {
    this.stopping.abort();
    this.shift?.fail(null);
    await this.ended;
  }

  /** Records not folded yet, by topic; empty while standing by. */
  async lag(): Promise<Readonly<Record<string, number>>> {
    return (await this.shift?.subscription.lag()) ?? {};
  }

  /** Standing by is healthy while somebody else has the lead; a leader that does not come to read is not. */
  get leadershipCheck(): HealthCheck {
    const { database, clock, leaderlessAfterMs = 15_000 } = this.options;
    return leadershipCheck({ database, clock, leaderlessAfterMs, whoReads: () => this.whoReads() });
  }

  private whoReads(): WhoReads {
    if (this.shift) return this.isReading ? { state: 'leading' } : { state: 'taking the lead' };
    return this.lastFailure === undefined
      ? { state: 'standing by' }
      : { state: 'starting again', reason: this.lastFailure };
  }

  private async keepWorking(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const leadership = await takeTheLead(this.options.database, signal, this.options.hungAfterMs);
        if (leadership === null) return;
        await this.work(leadership);
      } catch (error) {
        if (signal.aborted) return;
        this.lastFailure = (error as Error).message;
        this.options.log.error(`the analyzer starts again from its snapshots: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, this.options.restartAfterMs ?? 1_000));
      }
    }
  }

  private async work(leadership: Leadership): Promise<void> {
    let shift: Shift;
    try {
      shift = await this.beginShift(leadership);
    } catch (error) {
      await leadership.release();
      throw error;
    }
    this.shift = shift;
    if (this.stopping.signal.aborted) shift.fail(null);
    let failure: unknown;
    try {
      // What never becomes ready may fail all the same: when the lead is lost meanwhile, for example.
      const isReady = await Promise.race([shift.subscription.ready.then(() => true), shift.failed.then(() => false)]);
      if (isReady) this.nowReads();
      failure = await shift.failed;
    } catch (error) {
      failure = error;
    }
    this.shift = null;
    this.isReading = false;
    this.options.measured?.standsBy();
    await this.endShift(shift, failure);
    if (failure !== null) throw failure;
  }

  private nowReads(): void {
    this.isReading = true;
    this.lastFailure = undefined;
    this.announceLead();
  }

  private async beginShift(leadership: Leadership): Promise<Shift> {
    const { bus, database, clock, trust, log } = this.options;
    const partitions = await unitPartitions(bus);
    const loaded = await loadParts(database, (definition) => evidenceDesign(definition, partitions), clock.nowMs());
    for (const warning of loaded.warnings) log.warn(warning);
    const { parts, experiments: known, refused, refolded } = loaded;
    let fail!: (error: unknown) => void;
    const failed = new Promise<unknown>((resolve) => (fail = resolve));
    const failWith = (error: Error): Error => {
      fail(error);
      return error;
    };
    void leadership.lost.then((error) => fail(new Error(`the lead is lost: ${error.message}`)));
    const deadLetters = new DeadLetters({ bus, group: ANALYZER_GROUP, nowMs: () => clock.nowMs(), log });
    const definitions = new Definitions({
      bus,
      trust,
      group: ANALYZER_GROUP,
      partitions,
      known,
      refused,
      onDefined: (key) => this.begin(shift, key),
      onPolicy: (key, changed) => this.judgeBy(shift, key, changed),
      onTrouble: (message) => log.warn(message),
    });
    const shift: Shift = {
      leadership,
      parts,
      definitions,
      waiting: this.waitingEvents(),
      refolded,
      deadLetters,
      publisher: this.publisherOf(parts, known, leadership),
      subscription: consumeEvents({
        bus,
        group: ANALYZER_GROUP,
        deadLetters,
        handlers: new Map(
          OBSERVED_TOPICS.map((topic) => [topic, { takes: 'batch', handle: async (batch) => this.fold(shift, batch) }]),
        ),
        positionOf: async (topic, partition) => {
          if (partition >= partitions) throw failWith(moreThanKnown(topic, partition));
          const { nextOffset, log: ofLog = null } = partOf(parts, topic, partition);
          return nextOffset === undefined
            ? savedPosition(database, topic, partition)
            : { offset: nextOffset, log: ofLog };
        },
      }),
      timers: [
        setInterval(() => void this.save(shift), this.options.snapshotEveryMs ?? 1_000),
        setInterval(() => shift.waiting.expire((...about) => definitions.isSuperseded(...about)), EXPIRE_EVERY_MS),
      ],
      unsaved: new Map(),
      policies: new Map(),
      catchUp: new CatchUp(() => shift.subscription.lag(), clock),
      saving: Promise.resolve(),
      fail,
      failed,
    };
    definitions.start();
    // A crash between the last snapshot and its analysis would otherwise leave the newest evidence unsaid.
    for (const key of known.keys()) shift.publisher.note(key);
    return shift;
  }

  private waitingEvents(): WaitingEvents {
    const { clock, log } = this.options;
    return new WaitingEvents({
      nowMs: () => clock.nowMs(),
      onLeftOut: (experiment, revision, events) =>
        log.warn(
          `experiment "${experiment}", revision ${revision} has no definition: ${events} of its events are left out of the evidence`,
        ),
    });
  }

  private publisherOf(
    parts: ReadonlyMap<string, Part>,
    known: ReadonlyMap<string, KnownExperiment>,
    leadership: Leadership,
  ): AnalysisPublisher {
    const { bus, clock, log, measured } = this.options;
    return new AnalysisPublisher({
      bus,
      nowMs: () => clock.nowMs(),
      everyMs: this.options.analyseEveryMs ?? 50,
      mayPublish: () => leadership.isCertain(),
      source: (key) => {
        const { design } = known.get(key)!;
        return { design, parts: orNothing(partsOf(parts, key), design) };
      },
      onPublished: (analysis) => measured?.published(analysis, clock.nowMs()),
      onFailure: (error) =>
        log.warn(`an analysis could not be published and will be repeated: ${(error as Error).message}`),
    });
  }

  private async endShift(shift: Shift, failure: unknown): Promise<void> {
    for (const timer of shift.timers) clearInterval(timer);
    await Promise.all([shift.subscription.close(), shift.definitions.close()]);
    const isOrderly = failure === null;
    await shift.publisher.close(isOrderly);
    await shift.saving;
    // Without the lead nothing may be written any more: somebody else may have it.
    if (isOrderly) await this.save(shift);
    await shift.leadership.release();
  }

  /** Nothing here waits: a snapshot sees each event either in the evidence or behind the position. */
  private fold(shift: Shift, batch: EventBatch): void {
    const part = partOf(shift.parts, batch.topic, batch.partition);
    part.log = batch.log;
    if (part.nextOffset === undefined) this.tellMissing(shift, part, batch.events[0]?.record.offset ?? 0);
    for (const received of batch.events as readonly ReceivedEvent<ObservedEvent['type']>[]) {
      const { event, record } = received;
      if (record.offset < (part.nextOffset ?? 0)) continue;
      const subject = subjectOf(event);
      if (subject !== null) {
        const { experiment, revision } = subject;
        const known = shift.definitions.find(experiment, revision);
        if (known) this.foldOne(shift, known, part, received);
        else if (!shift.definitions.isRefused(experiment, revision))
          shift.waiting.add(experiment, revision, { part, received });
      }
      part.nextOffset = record.offset + 1;
    }
    part.nextOffset = Math.max(part.nextOffset ?? 0, batch.nextOffset);
  }

  /** What was folded once and can't be folded again, because the log no longer has it. */
  private tellMissing({ refolded }: Shift, { topic, partition }: Part, beginsAt: number): void {
    const keys = refolded.get(partKey(topic, partition));
    if (!keys || beginsAt === 0) return;
    this.options.log.error(
      `experiment ${[...keys].join(', ')}: up to ${beginsAt} events of ${topic}[${partition}] can't be folded again, the log begins behind them; ` +
        'the evidence goes on without them. Where they matter, start it as a new revision: teststrip new-attempt',
    );
  }

  /** @throws UnprocessableEventError when the fold does: that event goes to the dead letters, everything else goes on. */
  private foldOne(
    shift: Shift,
    known: KnownExperiment,
    part: Part,
    { event, record }: ReceivedEvent<ObservedEvent['type']>,
  ): void {
    const entry = partEvidenceOf(part, known);
    if (record.offset < foldedToIn(part, entry)) return;
    try {
      if (!foldEvent(entry.evidence, known.design, event, record.timestampMs)) return;
    } catch (error) {
      throw new UnprocessableEventError(`can't be folded into the evidence: ${(error as Error).message}`);
    }
    entry.isDirty = true;
    entry.changes += 1;
    shift.publisher.note(experimentKey(known.design.experiment, known.design.revision), event.traceparent);
  }

  /** That nothing has come of it yet is said too: else nobody could tell it from an analyzer that is dead. */
  private begin(shift: Shift, key: string): void {
    this.foldWaiting(shift, key);
    const { definition } = shift.definitions.known.get(key)!;
    // What has no evidence though it is older had some, which was dropped: its last analysis was another.
    if (this.options.clock.nowMs() - Date.parse(definition.definedAt) < RETENTION_MS) shift.publisher.note(key);
  }

  private foldWaiting(shift: Shift, key: string): void {
    const known = shift.definitions.known.get(key)!;
    for (const { part, received } of shift.waiting.take(key)) {
      try {
        this.foldOne(shift, known, part, received);
      } catch (error) {
        shift.deadLetters
          .bury([{ record: received.record, reason: (error as Error).message }])
          .catch((failure: Error) => this.options.log.warn(`a dead letter can't be published: ${failure.message}`));
      }
    }
  }

  /** Another policy comes into force between two snapshots. */
  private judgeBy(shift: Shift, key: string, changed: KnownExperiment): void {
    const heard = shift.policies.get(key);
    if (heard && heard.design.policy >= changed.design.policy) return;
    shift.policies.set(key, changed);
    void this.save(shift);
  }

  /** Snapshots are taken one after the other; one that is being written belongs to the policy before. */
  private save(shift: Shift): Promise<void> {
    shift.saving = shift.saving.then(async () => {
      const isSaved = await this.saveNow(shift, SLICE_MS);
      if (!isSaved || shift.policies.size === 0 || !(await shift.catchUp.isDone())) return;
      this.takePolicies(shift);
      // At once: no part is stored under another policy than its siblings.
      await this.saveNow(shift, Infinity);
    });
    return shift.saving;
  }

  /**
   * What was looked at before a margin was changed must not prove anything by the new one, after a crash neither. So all that is folded is saved under the
   * policy before, and after a start what the analyzer before may have folded is folded again first.
   */
  private takePolicies(shift: Shift): void {
    const { parts, definitions, policies, publisher } = shift;
    try {
      for (const [key, changed] of policies) {
        if (shift.unsaved.has(key)) continue;
        for (const warning of takePolicy(parts.values(), definitions.known, key, changed))
          this.options.log.warn(warning);
        publisher.note(key);
        policies.delete(key);
      }
    } catch (error) {
      shift.fail(error);
    }
  }

  /** Once for every reason: it is tried again every second. */
  private tellUnsaved({ unsaved }: Shift, failed: ReadonlyMap<string, string>): void {
    for (const [key, reason] of failed) {
      if (unsaved.get(key) === reason) continue;
      this.options.log.error(
        `the evidence of experiment ${key} can't be saved, after a restart its events are folded again: ${reason}`,
      );
    }
    unsaved.clear();
    for (const [key, reason] of failed) unsaved.set(key, reason);
  }

  /** False where it has to be repeated. */
  private async saveNow(shift: Shift, sliceMs: number): Promise<boolean> {
    const { database, clock, log, measured } = this.options;
    const startedAtMs = performance.now();
    let isSaved = false;
    try {
      for (const part of shift.parts.values()) part.heldAt = shift.waiting.oldestIn(part);
      const { parts, definitions, leadership } = shift;
      const failed = await saveParts(database, parts.values(), {
        experiments: definitions.known,
        nowMs: clock.nowMs(),
        fence: (tx) => leadership.assertHeld(tx),
        sliceMs,
      });
      this.tellUnsaved(shift, failed);
      isSaved = true;
    } catch (error) {
      if (error instanceof StalePositionError || error instanceof LeadLostError) shift.fail(error);
      else log.warn(`a snapshot could not be saved and will be repeated: ${(error as Error).message}`);
    }
    measured?.snapshot(isSaved, startedAtMs);
    return isSaved;
  }
}

/** The experiment and revision an event is about; null: none. */
function subjectOf(event: ObservedEvent): { readonly experiment: string; readonly revision: number } | null {
  return event.type === 'preference.judged.v1' ? event.data : event.data.assignment;
}

function partOf(parts: Map<string, Part>, topic: string, partition: number): Part {
  const place = partKey(topic, partition);
  const known = parts.get(place);
  if (known) return known;
  const fresh = emptyPart(topic, partition);
  parts.set(place, fresh);
  return fresh;
}

/** Somebody has added partitions while it was read: units have moved. A new start looks whose evidence that concerns. */
function moreThanKnown(topic: string, partition: number): Error {
  return new Error(`${topic} has got more partitions: ${partition} is one of them`);
}

/** What is known of an experiment before its first event. */
function orNothing(parts: readonly PartEvidence[], design: EvidenceDesign): readonly CountedEvidence[] {
  return parts.length > 0 ? parts : [{ evidence: initialEvidence(design, null), changes: 0 }];
}

/** In the order of the places, so that sums round the same way at every merge. */
function partsOf(parts: ReadonlyMap<string, Part>, key: string): PartEvidence[] {
  return [...parts.keys()].sort().flatMap((place) => parts.get(place)?.experiments.get(key) ?? []);
}
