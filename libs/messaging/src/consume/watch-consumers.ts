import { Counter, Gauge, type Registry } from 'prom-client';
import type { Borrower } from '#libs/platform';
import type { BusClient, Subscription, SubscriptionOptions } from '../event-bus.js';
import { consumerChecks, DelayWatch, type ConsumerHealth, type WatchedConsumer } from './consumer-checks.js';

/** The bus as one app gets it: whatever it subscribes is looked after by that app's health checks and metrics. */
export function watchConsumers(
  bus: BusClient,
  { health, metrics, clock }: Pick<Borrower, 'health' | 'metrics' | 'clock'>,
  limits: ConsumerHealth,
): BusClient {
  const watches = new Set<WatchedConsumer>();
  const batches = consumerMetrics(metrics, watches);
  return {
    publish: (records) => bus.publish(records),
    readAll: (topic) => bus.readAll(topic),
    subscribe(options: SubscriptionOptions): Subscription {
      const { group } = options;
      const delay = new DelayWatch(clock);
      const subscription = bus.subscribe({
        ...options,
        handler: async (batch) => {
          let outcome = 'failed';
          try {
            await options.handler(batch);
            delay.handled(batch);
            outcome = 'handled';
          } finally {
            batches.inc({ group, topic: batch.topic, outcome });
          }
        },
      });
      const watch = { group, subscription, delay };
      const checks = consumerChecks(watch, limits);
      watches.add(watch);
      health.add(...checks);
      return {
        ready: subscription.ready,
        pause: () => subscription.pause(),
        resume: () => subscription.resume(),
        lag: () => subscription.lag(),
        health: () => subscription.health(),
        close: () => {
          watches.delete(watch);
          for (const { name } of checks) health.remove(name);
          return subscription.close();
        },
      };
    },
  };
}

function consumerMetrics(
  registry: Registry,
  watches: ReadonlySet<WatchedConsumer>,
): Counter<'group' | 'topic' | 'outcome'> {
  const registers = [registry];
  const lag: Gauge<'group' | 'topic'> = new Gauge({
    name: 'teststrip_consumer_lag',
    help: 'Events published and not handled yet, by consumer group and topic.',
    labelNames: ['group', 'topic'] as const,
    registers,
    async collect() {
      lag.reset();
      for (const { group, subscription } of watches) {
        // A carrier that is away is told by the health; the other metrics are still wanted.
        const byTopic = await subscription.lag().catch(() => ({}));
        for (const [topic, waiting] of Object.entries(byTopic)) lag.set({ group, topic }, waiting);
      }
    },
  });
  return new Counter({
    name: 'teststrip_consumer_batches_total',
    help: 'Batches by consumer group, topic and outcome: handled or failed.',
    labelNames: ['group', 'topic', 'outcome'] as const,
    registers,
  });
}
