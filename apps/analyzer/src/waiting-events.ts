import type { ObservedEvent } from '#libs/evidence';
import type { ReceivedEvent } from '#libs/messaging';
import { experimentKey, type Part } from './evidence-part.js';

export interface WaitingEvent {
  readonly part: Part;
  readonly received: ReceivedEvent<ObservedEvent['type']>;
}

export interface WaitingOptions {
  readonly nowMs: () => number;
  /** The events of this revision are left out of the evidence. Called once per `NOT_AGAIN_MS`. */
  readonly onLeftOut: (experiment: string, revision: number, events: number) => void;
}

/** How long events wait for the definition of their experiment, which comes by another topic. */
const LONGEST_WAIT_MS = 60_000;
/** Events that wait at the same time, of all experiments together; then those of the revision with most of them are left out. */
const MOST_WAITING = 20_000;
/** After waiting in vain, events of the same revision don't wait again for so long. */
const NOT_AGAIN_MS = 60_000;

interface Queue {
  readonly experiment: string;
  readonly revision: number;
  readonly sinceMs: number;
  readonly events: WaitingEvent[];
  /** Offset of the first event by part. */
  readonly oldest: Map<Part, number>;
}

/**
 * Events of experiments whose definition has not come yet. They wait here while other experiments' events are folded; what is saved of
 * their partition starts before the first of them, so a restart reads them again.
 */
export class WaitingEvents {
  private readonly queues = new Map<string, Queue>();
  private readonly leftOutAtMs = new Map<string, number>();
  private count = 0;

  constructor(private readonly options: WaitingOptions) {}

  add(experiment: string, revision: number, waiting: WaitingEvent): void {
    const nowMs = this.options.nowMs();
    const key = experimentKey(experiment, revision);
    if (nowMs - (this.leftOutAtMs.get(key) ?? -Infinity) < NOT_AGAIN_MS) return;
    const queue: Queue = this.queues.get(key) ?? {
      experiment,
      revision,
      sinceMs: nowMs,
      events: [],
      oldest: new Map(),
    };
    this.queues.set(key, queue);
    queue.events.push(waiting);
    if (!queue.oldest.has(waiting.part)) queue.oldest.set(waiting.part, waiting.received.record.offset);
    this.count += 1;
    if (this.count > MOST_WAITING) this.leaveOut(this.largest());
  }

  has(key: string): boolean {
    return this.queues.has(key);
  }

  /** The events of a revision in the order of each partition; they wait no longer. */
  take(key: string): readonly WaitingEvent[] {
    const events = this.queues.get(key)?.events ?? [];
    this.queues.delete(key);
    this.leftOutAtMs.delete(key);
    this.count -= events.length;
    return events;
  }

  /** Where reading has to start again so that nothing that waits is lost; undefined: nothing of this part waits. */
  oldestIn(part: Part): number | undefined {
    const offsets = [...this.queues.values()].flatMap(({ oldest }) => oldest.get(part) ?? []);
    return offsets.length === 0 ? undefined : Math.min(...offsets);
  }

  /** Leaves out what has waited too long, and what `isHopeless`: its definition will not come any more. */
  expire(isHopeless: (experiment: string, revision: number) => boolean): void {
    const nowMs = this.options.nowMs();
    for (const [key, { experiment, revision, sinceMs }] of this.queues) {
      if (nowMs - sinceMs > LONGEST_WAIT_MS || isHopeless(experiment, revision)) this.leaveOut(key);
    }
  }

  /** Who floods makes room; whoever waits for little beside it goes on waiting. */
  private largest(): string {
    return [...this.queues].reduce((most, next) => (next[1].events.length > most[1].events.length ? next : most))[0];
  }

  private leaveOut(key: string): void {
    const { experiment, revision } = this.queues.get(key)!;
    const events = this.take(key);
    this.leftOutAtMs.set(key, this.options.nowMs());
    this.options.onLeftOut(experiment, revision, events.length);
  }
}
