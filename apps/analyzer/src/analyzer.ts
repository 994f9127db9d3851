import { type Evidence, foldEvent, OBSERVED_TOPICS, type ObservedEvent } from '#libs/evidence';
import { deadLetter, decodeBatch, type EventBus, type RecordBatch, type Subscription } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import type { Clock, HealthCheck } from '#libs/platform';
import { AnalysisPublisher } from './analysis-publisher.js';
import { Definitions } from './definitions.js';
import { emptyPart, evidenceOf, type KnownExperiment, type Part, placeOf } from './evidence-part.js';
import { type Leadership, takeTheLead } from './leadership.js';
import { leadershipCheck, type WhoReads } from './leadership-check.js';
import { ANALYZER_GROUP, loadParts, savedPosition, saveParts } from './snapshots.js';

export interface AnalyzerOptions {
  /** With its topics created; stays the caller's. */
  readonly bus: EventBus;
  /** Migrated; stays the caller's. */
  readonly database: Database;
  /** Partitions of the topics keyed by unit. */
  readonly partitions: number;
  readonly clock: Clock;
  readonly log: { warn(message: string): void; error(message: string): void };
  /** Shortest time between two analyses. Default 50 ms. */
  readonly analyseEveryMs?: number;
  /** Time between two snapshots. Default 1 s. */
  readonly snapshotEveryMs?: number;
  /** Pause before it starts again after losing the lead or its database. Default 1 s. */
  readonly restartAfterMs?: number;
  /** How long nobody may read before it is not ready. Default 15 s. */
  readonly leaderlessAfterMs?: number;
}

/** What runs while this process has the lead. */
interface Shift {
  readonly leadership: Leadership;
  readonly parts: Map<string, Part>;
  readonly definitions: Definitions;
  readonly publisher: AnalysisPublisher;
  readonly subscription: Subscription;
  readonly snapshots: NodeJS.Timeout;
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
 * bit what an uninterrupted run gives, because a partition's fold depends on nothing but its own events.
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
        const leadership = await takeTheLead(this.options.database, signal);
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
      await shift.subscription.ready;
      this.isReading = true;
      this.lastFailure = undefined;
      this.announceLead();
      failure = await shift.failed;
    } catch (error) {
      failure = error;
    }
    this.shift = null;
    this.isReading = false;
    await this.endShift(shift, failure);
    if (failure !== null) throw failure;
  }

  private async beginShift(leadership: Leadership): Promise<Shift> {
    const { bus, database, clock, partitions, log } = this.options;
    const loaded = await loadParts(database, partitions, clock.nowMs());
    if (loaded.isStartedOver)
      log.warn('the layout of the evidence has changed: the log is folded again from its beginning');
    const { parts } = loaded;
    const definitions = new Definitions(
      bus,
      partitions,
      loaded.experiments,
      () => clock.nowMs(),
      (experiment, revision) =>
        log.warn(
          `experiment "${experiment}", revision ${revision} has no definition: its events are left out of the evidence`,
        ),
    );
    const publisher = new AnalysisPublisher({
      bus,
      nowMs: () => clock.nowMs(),
      everyMs: this.options.analyseEveryMs ?? 50,
      source: (key) => ({
        design: (definitions.known.get(key) as KnownExperiment).design,
        parts: evidenceIn(parts, key),
      }),
      onFailure: (error) =>
        log.warn(`an analysis could not be published and will be repeated: ${(error as Error).message}`),
    });
    let fail!: (error: unknown) => void;
    const failed = new Promise<unknown>((resolve) => (fail = resolve));
    void leadership.lost.then((error) => fail(new Error(`the lead is lost: ${error.message}`)));
    const subscription = bus.subscribe({
      group: ANALYZER_GROUP,
      topics: OBSERVED_TOPICS,
      positionOf: async (topic, partition) =>
        partOf(parts, topic, partition).nextOffset ?? (await savedPosition(database, topic, partition)),
      handler: (batch) => this.fold(shift, batch),
    });
    const shift: Shift = {
      leadership,
      parts,
      definitions,
      publisher,
      subscription,
      snapshots: setInterval(() => void this.save(shift), this.options.snapshotEveryMs ?? 1_000),
      saving: Promise.resolve(),
      fail,
      failed,
    };
    // A crash between the last snapshot and its analysis would otherwise leave the newest evidence unsaid.
    for (const key of definitions.known.keys()) publisher.note(key);
    return shift;
  }

  private async endShift(shift: Shift, failure: unknown): Promise<void> {
    clearInterval(shift.snapshots);
    await shift.subscription.close();
    const isOrderly = failure === null;
    await shift.publisher.close(isOrderly);
    await shift.saving;
    // Without the lead nothing may be written any more: somebody else may have it.
    if (isOrderly) await this.save(shift);
    await shift.leadership.release();
  }

  private async fold(shift: Shift, batch: RecordBatch): Promise<void> {
    const part = partOf(shift.parts, batch.topic, batch.partition);
    const events = await this.decode(shift, batch);
    if (batch.isStale()) return;
    // From here on nothing waits: a snapshot sees the whole batch or nothing of it.
    for (const { event, experiment, offset } of events) {
      if (offset < (part.nextOffset ?? 0)) continue;
      const entry = evidenceOf(part, experiment);
      if (!foldEvent(entry.evidence, experiment.design, event)) continue;
      entry.isDirty = true;
      shift.publisher.note(`${experiment.design.experiment}@${experiment.design.revision}`);
    }
    part.nextOffset = Math.max(part.nextOffset ?? 0, batch.nextOffset);
  }

  /** The batch's events that belong to an experiment, with its design; what is no event goes to the dead letters. */
  private async decode(shift: Shift, records: RecordBatch) {
    const { bus, clock, log } = this.options;
    const { batch, malformed } = decodeBatch(records);
    if (malformed.length > 0) {
      for (const { record, reason } of malformed)
        log.warn(`${record.topic}/${record.partition} at ${record.offset} is dead: ${reason}`);
      const nowMs = clock.nowMs();
      await bus.publish(
        malformed.map(({ record, reason }) => deadLetter(record, { reason, group: ANALYZER_GROUP, nowMs })),
      );
    }
    const found: { readonly event: ObservedEvent; readonly experiment: KnownExperiment; readonly offset: number }[] =
      [];
    for (const { event, record } of batch.events) {
      const observed = event as ObservedEvent;
      const subject = subjectOf(observed);
      if (subject === null) continue;
      const { experiment, revision } = subject;
      const known = await shift.definitions.find(experiment, revision, () => batch.heartbeat());
      if (known) found.push({ event: observed, experiment: known, offset: record.offset });
    }
    return found;
  }

  private save(shift: Shift): Promise<void> {
    const { database, clock, log } = this.options;
    shift.saving = shift.saving.then(async () => {
      try {
        await saveParts(database, shift.parts.values(), shift.definitions.known, clock.nowMs());
      } catch (error) {
        if ((error as Error).name === 'StalePositionError') shift.fail(error);
        else log.warn(`a snapshot could not be saved and will be repeated: ${(error as Error).message}`);
      }
    });
    return shift.saving;
  }
}

/** The experiment and revision an event is about; null: none. */
function subjectOf(event: ObservedEvent): { readonly experiment: string; readonly revision: number } | null {
  return event.type === 'preference.judged.v1' ? event.data : event.data.assignment;
}

function partOf(parts: Map<string, Part>, topic: string, partition: number): Part {
  const place = placeOf(topic, partition);
  const known = parts.get(place);
  if (known) return known;
  const fresh = emptyPart(topic, partition);
  parts.set(place, fresh);
  return fresh;
}

/** In the order of the places, so that sums round the same way at every merge. */
function evidenceIn(parts: ReadonlyMap<string, Part>, key: string): Evidence[] {
  return [...parts.keys()].sort().flatMap((place) => {
    const entry = parts.get(place)?.experiments.get(key);
    return entry ? [entry.evidence] : [];
  });
}
