import type { Borrower } from '#libs/platform';
import type { BusClient, Subscription, SubscriptionOptions } from '../event-bus.js';
import { BusMetrics } from './bus-metrics.js';
import { consumerChecks, DelayWatch, type ConsumerHealth, type WatchedConsumer } from './consumer-checks.js';

/** The bus as one app gets it: whatever it subscribes and publishes is looked after by that app's health checks and metrics. */
export function watchConsumers(
  bus: BusClient,
  { health, metrics, clock }: Pick<Borrower, 'health' | 'metrics' | 'clock'>,
  limits: ConsumerHealth,
): BusClient {
  const watches = new Set<WatchedConsumer>();
  const measured = new BusMetrics(metrics, watches);
  return {
    publish: (records) => measured.publish(records, () => bus.publish(records)),
    readAll: (topic) => bus.readAll(topic),
    subscribe(options: SubscriptionOptions): Subscription {
      const { group } = options;
      const delay = new DelayWatch(clock);
      const subscription = bus.subscribe({
        ...options,
        handler: async (batch) => {
          await measured.handling(group, batch, { nowMs: clock.nowMs(), handle: options.handler });
          delay.handled(batch);
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
