import { eventSource, topics } from '#libs/contracts';
import { mergeableEvidence } from '#libs/evidence';
import {
  createEventPublisher,
  type EventBus,
  type EventPublisher,
  type NewEvent,
  RecordRefusedError,
} from '#libs/messaging';
import { experimentKey } from '../evidence-part.js';
import type { SaidByPart } from '../snapshots.js';

/** Larger evidence is not sent: it is read where it is stored. Carriers take a megabyte. */
const MOST_CHARACTERS = 900_000;
/** How much is handed to the bus at a time. */
const BATCH_CHARACTERS = 4_000_000;

type Summary = NewEvent<'evidence.summarised.v1'>;

export interface SummaryPublisherOptions {
  readonly bus: EventBus;
  readonly nowMs: () => number;
}

/** Publishes what parts say once it is saved, the newest of each part and experiment. What can't be published waits for the next time. */
export class SummaryPublisher {
  private readonly publisher: EventPublisher;
  /** By the record's key. */
  private readonly waiting = new Map<string, { readonly event: Summary; readonly characters: number }>();
  /** Of the event that changed an experiment last, by `experimentKey`. */
  private readonly traces = new Map<string, string>();

  constructor(private readonly options: SummaryPublisherOptions) {
    this.publisher = createEventPublisher(options.bus, eventSource('analyzer', String(process.pid)));
  }

  /** An event of this trace has changed the experiment. */
  noteTrace(key: string, traceparent: string | undefined): void {
    if (traceparent !== undefined) this.traces.set(key, traceparent);
  }

  add(said: readonly SaidByPart[]): void {
    for (const one of said) {
      const { experiment, revision, place } = one;
      const key = experimentKey(experiment, revision);
      const { evidence, refused } = mergeableEvidence(one.encoded, one.refused);
      const characters = JSON.stringify(evidence).length;
      const subject = `${key} ${place}`;
      const event: Summary = {
        type: topics.evidenceSummarised.name,
        subject,
        traceparent: this.traces.get(key),
        data: {
          experiment,
          revision,
          ...(one.policy > 0 ? { policy: one.policy } : {}),
          topicPartition: place,
          positions: { ...one.positions },
          generation: one.generation,
          evidence: characters > MOST_CHARACTERS ? null : evidence,
          refused,
          summarisedAt: new Date(this.options.nowMs()).toISOString(),
        },
      };
      this.waiting.set(subject, { event, characters });
    }
  }

  /** @throws what the bus throws; what was not published is tried again the next time */
  async flush(): Promise<void> {
    this.traces.clear();
    while (this.waiting.size > 0) {
      const batch = this.nextBatch();
      await this.publish(batch);
      for (const [subject, one] of batch) if (this.waiting.get(subject) === one) this.waiting.delete(subject);
    }
  }

  private nextBatch() {
    const batch = new Map<string, { readonly event: Summary; readonly characters: number }>();
    let characters = 0;
    for (const [subject, one] of this.waiting) {
      if (batch.size > 0 && characters + one.characters > BATCH_CHARACTERS) break;
      batch.set(subject, one);
      characters += one.characters;
    }
    return batch;
  }

  /** What the bus will never take is said without the evidence. */
  private async publish(batch: ReadonlyMap<string, { readonly event: Summary }>): Promise<void> {
    const events = [...batch.values()].map(({ event }) => event);
    try {
      await this.publisher.publish(events);
    } catch (error) {
      if (!(error instanceof RecordRefusedError)) throw error;
      await this.publisher.publish(events.map((event) => ({ ...event, data: { ...event.data, evidence: null } })));
    }
  }
}
