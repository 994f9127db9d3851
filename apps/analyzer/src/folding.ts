import { blindAuc, type EvidenceDesign, foldEvent, initialEvidence, type ObservedEvent } from '#libs/evidence';
import {
  DeadLetters,
  type EventBatch,
  type EventBus,
  type OrderTrust,
  type ReceivedEvent,
  UnprocessableEventError,
} from '#libs/messaging';
import type { Clock } from '#libs/platform';
import { Definitions } from './definitions.js';
import {
  experimentKey,
  foldedToIn,
  type KnownExperiment,
  type Part,
  type PartEvidence,
  partEvidenceOf,
  partKey,
} from './evidence-part.js';
import type { CountedEvidence } from './merged-total.js';
import { RestingRevisions } from './resting-revisions.js';
import { SeparationBefore } from './separation-before.js';
import { ANALYZER_GROUP, type LoadedEvidence, partIn, RESTS_AFTER_MS, RETENTION_MS } from './snapshots.js';
import { takePolicy } from './take-policy.js';
import { UnbegunRevisions } from './unbegun-revisions.js';
import { WaitingEvents } from './waiting-events.js';

export interface FoldingOptions {
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly trust?: OrderTrust | undefined;
  readonly log: { warn(message: string): void; error(message: string): void };
  /** Of the topics keyed by unit. */
  readonly partitions: number;
  readonly loaded: LoadedEvidence;
  /** After how long without a change a revision leaves memory. Default: an hour. */
  readonly restsAfterMs?: number | undefined;
  /** Reads what is stored of a revision. */
  readonly load: (
    known: KnownExperiment,
  ) => Promise<{ readonly entries: ReadonlyMap<string, PartEvidence>; readonly warnings: Iterable<string> }>;
  /** The evidence of this experiment has changed. */
  readonly onChanged: (key: string, traceparent: string | undefined) => void;
  /** An experiment is new, or judged by another policy. */
  readonly onKnown: (key: string) => void;
  /** Another policy was heard of; it comes into force by {@link Folding.takePolicies}. */
  readonly onPolicy: () => void;
  /** It can't go on with what is in memory. */
  readonly onBroken: (error: Error) => void;
}

/**
 * Folds events into evidence, one state per partition of each topic. Definitions come by a subscription of their own; events that are earlier than
 * theirs wait, and hold nobody else up (see `WaitingEvents`); events of revisions that rest wake them first.
 */
export class Folding {
  readonly parts: Map<string, Part>;
  readonly definitions: Definitions;
  readonly deadLetters: DeadLetters;
  private readonly waiting: WaitingEvents;
  private readonly resting: RestingRevisions;
  /** Policies that were heard of and are not in force here yet, by `experimentKey`. */
  private readonly policies = new Map<string, KnownExperiment>();
  /** What is known of scorers before an experiment begins, by the place of scores. */
  private readonly before = new Map<string, SeparationBefore>();
  /** Those that were defined since the start. */
  private readonly unbegun = new UnbegunRevisions();

  constructor(private readonly options: FoldingOptions) {
    const { bus, trust, clock, log, partitions, loaded } = options;
    this.parts = loaded.parts;
    this.deadLetters = new DeadLetters({ bus, group: ANALYZER_GROUP, nowMs: () => clock.nowMs(), log });
    this.waiting = new WaitingEvents({
      nowMs: () => clock.nowMs(),
      onLeftOut: (experiment, revision, events) =>
        log.warn(
          `experiment "${experiment}", revision ${revision} has no definition: ${events} of its events are left out of the evidence`,
        ),
    });
    this.resting = new RestingRevisions(loaded.resting, {
      nowMs: () => clock.nowMs(),
      afterMs: options.restsAfterMs ?? RESTS_AFTER_MS,
      awaken: (key) => this.bringBack(key),
    });
    for (const key of loaded.experiments.keys()) if (!this.resting.has(key)) this.resting.touch(key);
    this.definitions = new Definitions({
      bus,
      trust,
      group: ANALYZER_GROUP,
      partitions,
      known: loaded.experiments,
      refused: loaded.refused,
      onDefined: (key) => this.begin(key),
      onPolicy: (key, changed) => void this.judgeBy(key, changed).catch(options.onBroken),
      onTrouble: (message) => log.warn(message),
    });
  }

  /** Those whose evidence is in memory, by `experimentKey`. */
  get awake(): readonly string[] {
    return [...this.definitions.known.keys()].filter((key) => !this.resting.has(key));
  }

  /** What the parts in memory say of an experiment, always in the same order. */
  evidenceOf(key: string): { readonly design: EvidenceDesign; readonly parts: readonly CountedEvidence[] } {
    const { design } = this.definitions.known.get(key)!;
    return { design, parts: orNothing(partsOf(this.parts, key), design) };
  }

  /** The part of a place; empty at first. */
  part(topic: string, partition: number): Part {
    return partIn(this.parts, partKey(topic, partition));
  }

  /**
   * Folds a batch, at once: a snapshot sees each event either in the evidence or behind the position.
   * @param requireMine throws where the partition has been given to somebody else
   */
  async fold(batch: EventBatch, requireMine: () => void = () => undefined): Promise<void> {
    // While one is woken another may be laid to rest.
    for (let asleep = this.restingIn(batch); asleep.size > 0; asleep = this.restingIn(batch))
      for (const key of asleep) await this.resting.wake(key);
    requireMine();
    this.foldNow(batch);
  }

  /** Leaves out events that have waited for their definition long enough. */
  expire(): void {
    this.waiting.expire((...about) => this.definitions.isSuperseded(...about));
  }

  /** Notes where reading would have to begin again, for a snapshot. */
  holdPositions(): void {
    for (const part of this.parts.values()) part.heldAt = this.waiting.oldestIn(part);
  }

  get hasPolicies(): boolean {
    return this.policies.size > 0;
  }

  /** Another policy of a revision was heard of. */
  hear(key: string, changed: KnownExperiment): void {
    const heard = this.policies.get(key);
    if (heard && heard.design.policy >= changed.design.policy) return;
    this.policies.set(key, changed);
    this.options.onPolicy();
  }

  /** Puts the policies that were heard of in force, but those of `unsaved`. All that was folded has to be saved before, and all that it leaves behind at once. */
  takePolicies(unsaved: ReadonlyMap<string, unknown>): void {
    const { log, onKnown } = this.options;
    for (const [key, changed] of this.policies) {
      if (unsaved.has(key)) continue;
      for (const warning of takePolicy(this.parts.values(), this.definitions.known, key, changed)) log.warn(warning);
      this.resting.touch(key);
      onKnown(key);
      this.policies.delete(key);
    }
  }

  /**
   * Drops from memory what has not changed for long and is saved.
   * @param mayRest whether nobody else has anything to do for it; asked last
   */
  layToRest(mayRest: (key: string) => boolean): void {
    for (const key of this.resting.unchanged()) {
      const isBusy = this.policies.has(key) || this.waiting.has(key) || partsOf(this.parts, key).some(isUnsaved);
      if (isBusy || !mayRest(key)) continue;
      for (const part of this.parts.values()) part.experiments.delete(key);
      this.resting.lay(key);
      this.unbegun.lay(key);
    }
  }

  private restingIn({ events }: EventBatch): ReadonlySet<string> {
    const found = new Set<string>();
    if (!this.resting.isAny) return found;
    for (const { event } of events as readonly ReceivedEvent<ObservedEvent['type']>[]) {
      const subject = subjectOf(event);
      const key = subject && experimentKey(subject.experiment, subject.revision);
      if (key !== null && this.resting.has(key)) found.add(key);
    }
    return found;
  }

  private async bringBack(key: string): Promise<void> {
    const { log, load, onBroken } = this.options;
    try {
      const { entries, warnings } = await load(this.definitions.known.get(key)!);
      for (const [place, entry] of entries) partIn(this.parts, place).experiments.set(key, entry);
      for (const warning of warnings) log.warn(warning);
      this.unbegun.wake(key);
    } catch (error) {
      if ((error as Error).name === 'UnreadableEvidenceError') onBroken(error as Error);
      throw error;
    }
  }

  private foldNow(batch: EventBatch): void {
    const part = this.part(batch.topic, batch.partition);
    part.log = batch.log;
    if (part.nextOffset === undefined) this.tellMissing(part, batch.events[0]?.record.offset ?? 0);
    for (const received of batch.events as readonly ReceivedEvent<ObservedEvent['type']>[]) {
      const { event, record } = received;
      if (record.offset < (part.nextOffset ?? 0)) continue;
      const subject = subjectOf(event);
      if (event.type === 'image.scored.v1') this.noteBefore(part, event.data);
      if (subject !== null) {
        const { experiment, revision } = subject;
        const known = this.definitions.find(experiment, revision);
        if (known) this.foldOne(known, part, received);
        else if (!this.definitions.isRefused(experiment, revision))
          this.waiting.add(experiment, revision, { part, received });
      }
      part.nextOffset = record.offset + 1;
      part.foldedAtMs = record.timestampMs;
    }
    part.nextOffset = Math.max(part.nextOffset ?? 0, batch.nextOffset);
  }

  /** What was folded once and can't be folded again, because the log no longer has it. */
  private tellMissing({ topic, partition }: Part, beginsAt: number): void {
    const keys = this.options.loaded.refolded.get(partKey(topic, partition));
    if (!keys || beginsAt === 0) return;
    this.options.log.error(
      `experiment ${[...keys].join(', ')}: up to ${beginsAt} events of ${topic}[${partition}] can't be folded again, the log begins behind them; ` +
        'the evidence goes on without them. Where they matter, start it as a new revision: teststrip new-attempt',
    );
  }

  /** @throws UnprocessableEventError when the fold does: that event goes to the dead letters, everything else goes on. */
  private foldOne(known: KnownExperiment, part: Part, { event, record }: ReceivedEvent<ObservedEvent['type']>): void {
    const entry = partEvidenceOf(part, known);
    if (record.offset < foldedToIn(part, entry)) return;
    try {
      if (!foldEvent(entry.evidence, known.design, event, record.timestampMs)) return;
    } catch (error) {
      throw new UnprocessableEventError(`can't be folded into the evidence: ${(error as Error).message}`);
    }
    entry.isDirty = true;
    entry.changes += 1;
    const key = experimentKey(known.design.experiment, known.design.revision);
    this.unbegun.delete(key);
    this.resting.touch(key);
    this.options.onChanged(key, event.traceparent);
  }

  /** That nothing has come of it yet is said too: else nobody could tell it from an analyzer that is dead. */
  private begin(key: string): void {
    this.resting.touch(key);
    const { definition } = this.definitions.known.get(key)!;
    this.unbegun.add(key, definition.spec.service);
    for (const place of this.before.keys()) {
      const part = this.parts.get(place);
      if (part) this.beginWith(part, key);
    }
    this.foldWaiting(key);
    // What has no evidence though it is older had some, which was dropped: its last analysis was another.
    if (this.options.clock.nowMs() - Date.parse(definition.definedAt) < RETENTION_MS) this.options.onKnown(key);
  }

  private noteBefore(part: Part, picture: Parameters<SeparationBefore['note']>[0]): void {
    const place = partKey(part.topic, part.partition);
    const before = this.before.get(place) ?? new SeparationBefore();
    this.before.set(place, before);
    if (!before.note(picture)) return;
    for (const key of this.unbegun.of(picture.service))
      if (this.beginWith(part, key)) this.options.onChanged(key, undefined);
  }

  /** Lets a revision that has no event of its own begin with what is known of the scorer. @returns whether a blind one was found, or has come to see */
  private beginWith(part: Part, key: string): boolean {
    const known = this.definitions.known.get(key)!;
    const seed = this.before.get(partKey(part.topic, part.partition))?.of(known.definition.spec.service);
    if (!seed) return false;
    const entry = partEvidenceOf(part, known);
    const { separation } = entry.evidence;
    const [was, is] = [separation, seed].map((of) => blindAuc(of) !== null);
    Object.assign(separation, seed);
    entry.changes += 1;
    if (was !== is) entry.isDirty = true;
    return was !== is;
  }

  private foldWaiting(key: string): void {
    const known = this.definitions.known.get(key)!;
    for (const { part, received } of this.waiting.take(key)) {
      try {
        this.foldOne(known, part, received);
      } catch (error) {
        this.deadLetters
          .bury([{ record: received.record, reason: (error as Error).message }])
          .catch((failure: Error) => this.options.log.warn(`a dead letter can't be published: ${failure.message}`));
      }
    }
  }

  /** Another policy comes into force between two snapshots. */
  private async judgeBy(key: string, changed: KnownExperiment): Promise<void> {
    await this.resting.wake(key);
    this.hear(key, changed);
  }
}

function isUnsaved({ isDirty, unitLog }: PartEvidence): boolean {
  return isDirty || unitLog.waiting.length > 0;
}

/** The experiment and revision an event is about; null: none. */
function subjectOf(event: ObservedEvent): { readonly experiment: string; readonly revision: number } | null {
  return event.type === 'preference.judged.v1' ? event.data : event.data.assignment;
}

/** What is known of an experiment before its first event. */
function orNothing(parts: readonly PartEvidence[], design: EvidenceDesign): readonly CountedEvidence[] {
  return parts.length > 0 ? parts : [{ evidence: initialEvidence(design, null), changes: 0 }];
}

/** In the order of the places, so that sums round the same way at every merge. */
function partsOf(parts: ReadonlyMap<string, Part>, key: string): PartEvidence[] {
  return [...parts.keys()].sort().flatMap((place) => parts.get(place)?.experiments.get(key) ?? []);
}
