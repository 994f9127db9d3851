import { randomUUID } from 'node:crypto';
import {
  decodeEvent,
  topics,
  type AllocationApplied,
  type AllocationCommanded,
  type ExperimentAnalysed,
} from '#libs/contracts';
import type { EventBus, IncomingRecord, Subscription } from '#libs/messaging';

/** What the bus has said of one experiment so far. */
export interface ExperimentCourse {
  readonly analysis: ExperimentAnalysed | null;
  readonly commands: readonly AllocationCommanded[];
  readonly applied: readonly AllocationApplied[];
}

interface GrowingCourse extends ExperimentCourse {
  analysis: ExperimentAnalysed | null;
  readonly commands: AllocationCommanded[];
  readonly applied: AllocationApplied[];
}

/** Listens to the news of experiments on the bus, in a group of its own: nothing is polled, nobody else is slowed down. */
export class ExperimentWatcher {
  private readonly courses = new Map<string, GrowingCourse>();
  private readonly subscription: Subscription;
  private listeners: (() => void)[] = [];

  constructor(bus: EventBus) {
    this.subscription = bus.subscribe({
      group: `watcher-${randomUUID()}`,
      topics: [topics.experimentAnalysed.name, topics.allocationCommanded.name, topics.allocationApplied.name],
      startFrom: 'latest',
      handler: async ({ records }) => this.take(records),
    });
  }

  get ready(): Promise<void> {
    return this.subscription.ready;
  }

  courseOf(experiment: string): ExperimentCourse {
    return this.courses.get(experiment) ?? { analysis: null, commands: [], applied: [] };
  }

  /** Resolves with the course as soon as `condition` holds for it; rejects after `timeoutMs`. */
  async until(
    experiment: string,
    condition: (course: ExperimentCourse) => boolean,
    timeoutMs: number,
    what: string,
  ): Promise<ExperimentCourse> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const course = this.courseOf(experiment);
      if (condition(course)) return course;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Error(`${experiment}: ${what} did not happen within ${timeoutMs} ms`);
      await this.nextNews(Math.min(leftMs, 1_000));
    }
  }

  onNews(listener: () => void): void {
    this.listeners.push(listener);
  }

  close(): Promise<void> {
    return this.subscription.close();
  }

  private nextNews(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      const once = (): void => {
        clearTimeout(timer);
        this.listeners = this.listeners.filter((listener) => listener !== once);
        resolve();
      };
      this.listeners.push(once);
    });
  }

  private take(records: readonly IncomingRecord[]): void {
    for (const record of records) {
      const event = decodeEvent(record);
      switch (event.type) {
        case topics.experimentAnalysed.name:
          this.course(event.data.experiment).analysis = event.data;
          break;
        case topics.allocationCommanded.name:
          this.course(event.data.experiment).commands.push(event.data);
          break;
        case topics.allocationApplied.name:
          this.course(event.data.experiment).applied.push(event.data);
          break;
        default:
          break;
      }
    }
    for (const listener of this.listeners.slice()) listener();
  }

  private course(experiment: string): GrowingCourse {
    let course = this.courses.get(experiment);
    if (!course) {
      course = { analysis: null, commands: [], applied: [] };
      this.courses.set(experiment, course);
    }
    return course;
  }
}
