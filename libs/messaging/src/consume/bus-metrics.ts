import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { OutgoingRecord, RecordBatch } from '../event-bus.js';
import type { WatchedConsumer } from './consumer-checks.js';
import { deadLetterHeaders } from './dead-letters.js';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Events wait longer than anything that is done with them takes. */
const AGES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600];
const EVENTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/** What one app does on the bus: what it consumes, publishes and gives up. */
export class BusMetrics {
  private readonly batches;
  private readonly events;
  private readonly ages;
  private readonly durations;
  private readonly published;
  private readonly publishing;
  private readonly publishSeconds;
  private readonly deadLetters;

  constructor(registry: Registry, watches: ReadonlySet<WatchedConsumer>) {
    const registers = [registry];
    const labelNames = ['group', 'topic'] as const;
    createLagGauge(registry, watches);
    this.batches = new Counter({
      name: 'teststrip_consumer_batches_total',
      help: 'Batches by consumer group, topic and outcome: handled or failed.',
      labelNames: [...labelNames, 'outcome'] as const,
      registers,
    });
    this.events = new Histogram({
      name: 'teststrip_consumer_batch_events',
      help: 'Events of a batch, by consumer group and topic; one that failed counts again when it is repeated.',
      labelNames,
      buckets: EVENTS,
      registers,
    });
    this.ages = new Histogram({
      name: 'teststrip_consumer_event_age_seconds',
      help: 'How long the oldest event of a batch had been on the bus when its handling began, by consumer group and topic.',
      labelNames,
      buckets: AGES,
      registers,
    });
    this.durations = new Histogram({
      name: 'teststrip_consumer_batch_seconds',
      help: 'How long the handling of a batch took, by consumer group and topic.',
      labelNames,
      buckets: SECONDS,
      registers,
    });
    this.deadLetters = new Counter({
      name: 'teststrip_dead_letters_total',
      help: 'Records given up, by consumer group and the topic that they came on; `teststrip dead-letters` lists them.',
      labelNames,
      registers,
    });
    this.published = new Counter({
      name: 'teststrip_bus_published_total',
      help: 'Records handed to the bus, by topic and outcome: durable or failed. What failed may be there all the same.',
      labelNames: ['topic', 'outcome'] as const,
      registers,
    });
    this.publishing = new Gauge({
      name: 'teststrip_bus_publishing',
      help: 'Records that were handed to the bus and are not known to be durable yet.',
      registers,
    });
    this.publishSeconds = new Histogram({
      name: 'teststrip_bus_publish_seconds',
      help: 'From handing records to the bus until they are durable, by outcome: durable or failed.',
      labelNames: ['outcome'] as const,
      buckets: SECONDS,
      registers,
    });
  }

  /** Hands a batch on and measures it. */
  async handling(group: string, batch: RecordBatch, { nowMs, handle }: Handling): Promise<void> {
    const { topic, records } = batch;
    const labels = { group, topic };
    this.events.observe(labels, records.length);
    const oldest = records[0];
    // Clocks of two machines may disagree.
    if (oldest) this.ages.observe(labels, Math.max(0, nowMs - oldest.timestampMs) / 1_000);
    const startedAtMs = performance.now();
    let outcome = 'failed';
    try {
      await handle(batch);
      outcome = 'handled';
    } finally {
      this.durations.observe(labels, secondsSince(startedAtMs));
      this.batches.inc({ ...labels, outcome });
    }
  }

  /** Publishes and measures it. */
  async publish(records: readonly OutgoingRecord[], publish: () => Promise<void>): Promise<void> {
    const startedAtMs = performance.now();
    this.publishing.inc(records.length);
    let outcome = 'failed';
    try {
      await publish();
      outcome = 'durable';
      this.countDead(records);
    } finally {
      this.publishing.dec(records.length);
      this.publishSeconds.observe({ outcome }, secondsSince(startedAtMs));
      for (const [topic, count] of countByTopic(records)) this.published.inc({ topic, outcome }, count);
    }
  }

  private countDead(records: readonly OutgoingRecord[]): void {
    for (const { headers } of records) {
      const group = headers[deadLetterHeaders.group];
      if (group === undefined) continue;
      this.deadLetters.inc({ group: String(group), topic: String(headers[deadLetterHeaders.topic] ?? '') });
    }
  }
}

interface Handling {
  /** When it begins, ms since 1970. */
  readonly nowMs: number;
  readonly handle: (batch: RecordBatch) => Promise<void>;
}

function createLagGauge(registry: Registry, watches: ReadonlySet<WatchedConsumer>): void {
  const lag: Gauge<'group' | 'topic'> = new Gauge({
    name: 'teststrip_consumer_lag',
    help: 'Events published and not handled yet, by consumer group and topic.',
    labelNames: ['group', 'topic'] as const,
    registers: [registry],
    async collect() {
      lag.reset();
      for (const { group, subscription } of watches) {
        // A carrier that is away is told by the health; the other metrics are still wanted.
        const byTopic = await subscription.lag().catch(() => ({}));
        for (const [topic, waiting] of Object.entries(byTopic)) lag.set({ group, topic }, waiting);
      }
    },
  });
}

function countByTopic(records: readonly OutgoingRecord[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { topic } of records) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  return counts;
}

function secondsSince(startedAtMs: number): number {
  return (performance.now() - startedAtMs) / 1_000;
}
