import { Counter, type Registry } from 'prom-client';
import type { EventBatch } from '#libs/messaging';

/** What other people's programs tell, and how much of it had to be read for what it means. */
export class RecorderMetrics {
  private readonly mended;

  constructor(registry: Registry) {
    this.mended = new Counter({
      name: 'teststrip_telemetry_mended_total',
      help: 'Values of events that were read for what they mean instead of being refused, by topic and kind; docs/telemetry.md has the kinds.',
      labelNames: ['topic', 'kind'] as const,
      registers: [registry],
    });
  }

  count({ topic, events }: EventBatch): void {
    for (const { event } of events) for (const kind of event.mended ?? []) this.mended.inc({ topic, kind });
  }
}
