import { Gauge, type Registry } from 'prom-client';
import { labelledGauge } from '#libs/platform';

/** What the decision service is at: read when it is asked for. */
export interface StateSources {
  /** The epoch of the newest order about each service. */
  readonly epochs: () => ReadonlyMap<string, number>;
  /** What was decided and has not reached the bus. @throws what the database fails with */
  readonly unpublished: () => Promise<{ readonly size: number; readonly oldestAtMs: number | null }>;
  readonly nowMs: () => number;
}

export function createStateMetrics(registry: Registry, { epochs, unpublished, nowMs }: StateSources): void {
  const registers = [registry];
  labelledGauge(
    registry,
    {
      name: 'teststrip_decision_epoch',
      help: 'Epoch of the newest order about a service; routers serve it in teststrip_router_served_epoch.',
      labelNames: ['service'],
    },
    (set) => {
      for (const [service, newest] of epochs()) set({ service }, newest);
    },
  );
  const age = new Gauge({
    name: 'teststrip_outbox_age_seconds',
    help: 'How long the oldest command or definition has waited to be published; 0 while none waits.',
    registers,
  });
  const records: Gauge = new Gauge({
    name: 'teststrip_outbox_records',
    help: 'Commands and definitions that were committed and have not reached the bus.',
    registers,
    async collect() {
      try {
        const { size, oldestAtMs } = await unpublished();
        records.set(size);
        age.set(oldestAtMs === null ? 0 : Math.max(0, nowMs() - oldestAtMs) / 1_000);
      } catch {
        // A database that is away is told by the health, and what was read last is not what is.
        records.remove();
        age.remove();
      }
    },
  });
}
