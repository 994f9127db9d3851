import { evidenceDesign, OBSERVED_TOPICS } from '#libs/evidence';
import { consumeEvents, type Subscription, unitPartitions } from '#libs/messaging';
import { StalePositionError } from '#libs/persistence/positions';
import { analysesOf, type AnalysisPublisher } from './analysis-publisher.js';
import type { AnalyzerOptions } from './analyzer-options.js';
import { CatchUp } from './catch-up.js';
import { Folding } from './folding.js';
import { LeadLostError, type Leadership } from './leadership.js';
import { EXPIRE_EVERY_MS, failure, moreThanKnown, type Shift, SLICE_MS, takeSnapshot } from './shift.js';
import { ANALYZER_GROUP, type LoadedEvidence, loadParts, loadRevision, positionIn } from './snapshots.js';

/** Begins to fold all partitions and to publish what they say, from where the snapshots end. */
export async function workAlone(options: AnalyzerOptions, leadership: Leadership): Promise<Shift> {
  const { bus, database, clock, log } = options;
  const partitions = await unitPartitions(bus);
  const loaded = await loadParts(database, (definition) => evidenceDesign(definition, partitions), clock.nowMs());
  for (const warning of loaded.warnings) log.warn(warning);
  return new AloneShift(options, leadership, { partitions, loaded });
}

/** One process has the lead and folds everything. */
class AloneShift implements Shift {
  readonly failed: Promise<unknown>;
  readonly fail: Shift['fail'];
  private readonly folding: Folding;
  private readonly publisher: AnalysisPublisher;
  private readonly subscription: Subscription;
  private readonly timers: readonly NodeJS.Timeout[];
  /** Why evidence can't be saved, as it was told last, by `experimentKey`. */
  private readonly unsaved = new Map<string, string>();
  private readonly catchUp: CatchUp;
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: AnalyzerOptions,
    private readonly leadership: Leadership,
    { partitions, loaded }: { readonly partitions: number; readonly loaded: LoadedEvidence },
  ) {
    const { bus, database, clock, trust, log, restsAfterMs } = options;
    ({ failed: this.failed, fail: this.fail } = failure());
    void leadership.lost.then((error) => this.fail(new Error(`the lead is lost: ${error.message}`)));
    this.folding = new Folding({
      bus,
      clock,
      trust,
      log,
      partitions,
      loaded,
      restsAfterMs,
      load: (known) => loadRevision(database, known),
      onChanged: (key, traceparent) => this.publisher.note(key, traceparent),
      onKnown: (key) => this.publisher.note(key),
      onPolicy: () => void this.save(),
      onBroken: this.fail,
    });
    this.publisher = analysesOf(options, {
      mayPublish: () => leadership.isCertain(),
      source: (key) => this.folding.evidenceOf(key),
    });
    this.subscription = this.subscribe(partitions);
    this.timers = [
      setInterval(() => void this.save(), options.snapshotEveryMs ?? 1_000),
      setInterval(() => this.lookAfter(), EXPIRE_EVERY_MS),
    ];
    this.catchUp = new CatchUp(() => this.subscription.lag(), clock);
    this.folding.definitions.start();
    // A crash between the last snapshot and its analysis would otherwise leave the newest evidence unsaid.
    for (const key of this.folding.awake) this.publisher.note(key);
  }

  get ready(): Promise<void> {
    return this.subscription.ready;
  }

  lag(): Promise<Readonly<Record<string, number>>> {
    return this.subscription.lag();
  }

  async end(reason: unknown): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all([this.subscription.close(), this.folding.definitions.close()]);
    const isOrderly = reason === null;
    await this.publisher.close(isOrderly);
    await this.saving;
    // Without the lead nothing may be written any more: somebody else may have it.
    if (isOrderly) await this.save();
    await this.leadership.release();
  }

  private subscribe(partitions: number): Subscription {
    const { bus, database } = this.options;
    const { folding, leadership } = this;
    return consumeEvents({
      bus,
      group: ANALYZER_GROUP,
      deadLetters: folding.deadLetters,
      handlers: new Map(
        OBSERVED_TOPICS.map((topic) => [topic, { takes: 'batch', handle: (batch) => folding.fold(batch) }]),
      ),
      positionOf: async (topic, partition) => {
        if (partition >= partitions) throw this.failBy(moreThanKnown(topic, partition));
        return positionIn(database, folding.part(topic, partition));
      },
      witness: leadership.witness,
    });
  }

  /** A policy that waits until what was there is folded does not wait for a snapshot as well, which may be rare. */
  private lookAfter(): void {
    this.folding.expire();
    if (this.folding.hasPolicies) void this.save();
  }

  private failBy(error: Error): Error {
    this.fail(error);
    return error;
  }

  /** Snapshots are taken one after the other; one that is being written belongs to the policy before. */
  private save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      if (!(await this.saveNow(SLICE_MS))) return;
      if (this.folding.hasPolicies && (await this.catchUp.isDone())) {
        this.takePolicies();
        // At once: no part is stored under another policy than its siblings.
        await this.saveNow(Infinity);
      }
      this.folding.layToRest((key) => !this.unsaved.has(key) && this.publisher.forget(key));
    });
    return this.saving;
  }

  /**
   * What was looked at before a margin was changed must not prove anything by the new one, after a crash neither. So all that is folded is saved under the
   * policy before, and after a start what the analyzer before may have folded is folded again first.
   */
  private takePolicies(): void {
    try {
      this.folding.takePolicies(this.unsaved);
    } catch (error) {
      this.fail(error);
    }
  }

  /** False where it has to be repeated. */
  private saveNow(sliceMs: number): Promise<boolean> {
    const { folding, unsaved, leadership } = this;
    return takeSnapshot(this.options, {
      folding,
      unsaved,
      parts: folding.parts.values(),
      guards: { fence: (tx) => leadership.assertHeld(tx), sliceMs },
      isTakenOver: (error) => {
        const isTakenOver = error instanceof StalePositionError || error instanceof LeadLostError;
        if (isTakenOver) this.fail(error);
        return isTakenOver;
      },
    });
  }
}
