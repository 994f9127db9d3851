import { Counter, type Registry } from 'prom-client';

/** What became of the events that were sent. */
export class EventsMetrics {
  private readonly sent;

  constructor(registry: Registry) {
    this.sent = new Counter({
      name: 'teststrip_events_sent_total',
      help: 'Events sent to POST /v1/events by topic (unknown: it could not be read) and status: 202 taken, others refused.',
      labelNames: ['topic', 'status'] as const,
      registers: [registry],
    });
  }

  count(topic: string, status: number): void {
    this.sent.inc({ topic, status });
  }
}
