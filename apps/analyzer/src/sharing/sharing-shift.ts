import { OBSERVED_TOPICS } from '#libs/evidence';
import { consumeEvents, type Subscription, unitPartitions } from '#libs/messaging';
import { type FoldedPart, PartsLostError, requireParts, tellFolded } from '#libs/persistence/analyzer';
import { StalePositionError } from '#libs/persistence/positions';
import type { AnalyzerOptions } from '../analyzer-options.js';
import { Folding } from '../folding.js';
import type { Leadership } from '../leadership.js';
import { EXPIRE_EVERY_MS, failure, moreThanKnown, type Shift, SLICE_MS, takeSnapshot } from '../shift.js';
import { ANALYZER_GROUP, type LoadedEvidence, nothingLoaded } from '../snapshots.js';
import { EvidenceOwner } from './evidence-owner.js';
import { HeldParts } from './held-parts.js';
import { SummaryPublisher } from './summary-publisher.js';

/** Begins to fold those partitions that the group gives to this process, and to add up what all of them say where that falls to it. */
export async function workShared(options: AnalyzerOptions, leadership: Leadership): Promise<Shift> {
  return new SharingShift(options, leadership, await unitPartitions(options.bus));
}

/** One of several processes that share the partitions. What a part says is published after it was saved, so that nothing is on the bus that a restart would not find. */
class SharingShift implements Shift {
  readonly failed: Promise<unknown>;
  readonly fail: Shift['fail'];
  private readonly folding: Folding;
  private readonly held: HeldParts;
  private readonly summaries: SummaryPublisher;
  private readonly owner: EvidenceOwner;
  private readonly subscription: Subscription;
  private readonly timers: readonly NodeJS.Timeout[];
  /** Why evidence can't be saved, by `experimentKey`. */
  private readonly unsaved = new Map<string, string>();
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: AnalyzerOptions,
    private readonly leadership: Leadership,
    private readonly partitions: number,
  ) {
    const { bus, database, clock, log, measured, tracer, analyseEveryMs } = options;
    ({ failed: this.failed, fail: this.fail } = failure());
    void leadership.lost.then((error) => this.fail(new Error(`the share is lost: ${error.message}`)));
    const loaded = nothingLoaded();
    this.summaries = new SummaryPublisher({ bus, nowMs: () => clock.nowMs() });
    this.folding = this.foldingInto(loaded);
    const { folding } = this;
    const takePolicies = (): Promise<void> => this.save();
    this.held = new HeldParts({ database, folding, partitions, loaded, log, onStuck: this.fail, takePolicies });
    this.owner = new EvidenceOwner({
      bus,
      database,
      clock,
      log,
      measured,
      tracer,
      partitions,
      analyseEveryMs,
      known: loaded.experiments,
      refused: loaded.refused,
      isCertain: () => leadership.isCertain(),
      onStuck: this.fail,
      certainForMs: leadership.certainForMs,
      witness: leadership.witness,
    });
    this.subscription = this.subscribe();
    this.timers = [
      setInterval(() => void this.save(), options.snapshotEveryMs ?? 1_000),
      setInterval(() => folding.expire(), EXPIRE_EVERY_MS),
    ];
    folding.definitions.start();
  }

  get ready(): Promise<void> {
    return Promise.all([this.subscription.ready, this.owner.subscription.ready]).then(() => undefined);
  }

  lag(): Promise<Readonly<Record<string, number>>> {
    return this.subscription.lag();
  }

  async end(reason: unknown): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    const isOrderly = reason === null;
    // Each part is saved before it is given back.
    await Promise.all([this.subscription.close(), this.folding.definitions.close()]);
    await this.saving;
    await this.owner.close(isOrderly);
    await this.leadership.release();
  }

  private foldingInto(loaded: LoadedEvidence): Folding {
    const { bus, clock, trust, log } = this.options;
    return new Folding({
      bus,
      clock,
      trust,
      log,
      partitions: this.partitions,
      loaded,
      // Nothing rests: what is awake in one part would have to be so in those of the others.
      restsAfterMs: Infinity,
      load: () => Promise.reject(new Error('nothing rests where partitions are shared')),
      onChanged: (key, traceparent) => this.summaries.noteTrace(key, traceparent),
      onKnown: (key) => this.owner.noteKnown(key),
      onPolicy: () => void this.save(),
      onBroken: this.fail,
    });
  }

  private subscribe(): Subscription {
    const { folding, held } = this;
    return consumeEvents({
      bus: this.options.bus,
      group: ANALYZER_GROUP,
      deadLetters: folding.deadLetters,
      handlers: new Map(
        OBSERVED_TOPICS.map((topic) => [
          topic,
          { takes: 'batch', handle: (batch) => folding.fold(batch, () => held.require(batch.topic, batch.partition)) },
        ]),
      ),
      positionOf: async (topic, partition) => {
        if (partition >= this.partitions) throw this.failBy(moreThanKnown(topic, partition));
        return held.take(topic, partition);
      },
      onRevoked: (topic, partition) => held.giveBack(topic, partition, () => this.save()),
      witness: this.leadership.witness,
    });
  }

  private failBy(error: Error): Error {
    this.fail(error);
    return error;
  }

  /** Saves what has changed, says what was saved, and only then puts other policies in force: what was looked at by the one before is saved under it. */
  private save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      const atMs = this.options.clock.nowMs();
      const lag = await this.subscription.lag().catch(() => ({}));
      const folded = this.held.foldedUntil(lag, atMs);
      if (!(await this.saveNow(SLICE_MS))) return;
      if (this.folding.hasPolicies) {
        this.folding.takePolicies(this.unsaved);
        if (!(await this.saveNow(Infinity))) return;
      }
      await this.say(folded);
    });
    // What can't be done now is done the next time.
    this.saving = this.saving.catch((error: unknown) => this.fail(error));
    return this.saving;
  }

  private async say(folded: readonly FoldedPart[]): Promise<void> {
    const { database, log } = this.options;
    try {
      await this.summaries.flush();
      await tellFolded(database, folded);
    } catch (error) {
      log.warn(`what the parts say could not be published and will be repeated: ${(error as Error).message}`);
    }
  }

  /** False where it has to be repeated. */
  private saveNow(sliceMs: number): Promise<boolean> {
    const { folding, unsaved, held, summaries } = this;
    return takeSnapshot(this.options, {
      folding,
      unsaved,
      parts: held.values(),
      guards: {
        require: (tx, parts) => requireParts(tx, [...parts]),
        onSaved: (said) => summaries.add(said),
        sliceMs,
      },
      isTakenOver: (error) => this.isTakenOver(error),
    });
  }

  private isTakenOver(error: unknown): boolean {
    if (error instanceof PartsLostError) this.lose(error);
    else if (error instanceof StalePositionError) this.fail(error);
    else return false;
    return true;
  }

  /** The carrier tells later that they were given to somebody else. */
  private lose(error: PartsLostError): void {
    this.options.log.warn(error.message);
    for (const { topic, partition } of error.places) this.held.drop(topic, partition);
  }
}
