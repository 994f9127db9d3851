import { setTimeout as pause } from 'node:timers/promises';
import {
  defineNeed,
  documented,
  probe,
  rootOf,
  untilThere,
  variables,
  type Borrower,
  type NeedRequest,
} from '#libs/platform';
import { isDatabaseAway, needsDatabase, withoutPassword } from '#libs/persistence';
import { kafkaProblems, type KafkaSettings } from './carriers/kafka/kafka-settings.js';
import type { BusAway } from './consume/consumer-checks.js';
import { watchConsumers } from './consume/watch-consumers.js';
import type { BusClient, EventBus } from './event-bus.js';
import { busVariables, openBus, type BusSettings, type OpenBus } from './open-bus.js';
import { createReconnectingBus } from './reconnecting-bus.js';

const whenAConsumerIsUnwell = {
  CONSUMER_STALLED_AFTER_MS: documented(
    variables.milliseconds.min(100).default(60_000),
    'A consumer that is at a batch and shows no sign of life for this long is dead: `/health/live` fails. Pictures that are scored are one.',
  ),
  CONSUMER_FAILING_AFTER_MS: documented(
    variables.milliseconds.min(100).default(10_000),
    'A consumer whose handler has failed on the same events for this long is not ready.',
  ),
  CONSUMER_BEHIND_AFTER_MS: documented(
    variables.milliseconds.min(100).default(60_000),
    'Not ready when the events being handled are older than this.',
  ),
};

function problems(settings: Partial<BusSettings> & KafkaSettings): readonly string[] {
  if (settings.BUS !== 'kafka') return [];
  const noBrokers = 'KAFKA_BROKERS=(not set): BUS=kafka needs host:port of the brokers, for example 127.0.0.1:9092';
  return [...(settings.KAFKA_BROKERS?.length === 0 ? [noBrokers] : []), ...kafkaProblems(settings)];
}

/**
 * The event bus of an app with all topics created; its server is waited for. On the Postgres carrier it uses the process's database, where it has one. What the app
 * subscribes is looked after: a consumer that stalls, fails again and again or falls behind is a failure of the app's health.
 */
export const needsBus = defineNeed({
  name: 'bus',
  title: 'Event bus',
  variables: { ...busVariables, ...whenAConsumerIsUnwell },
  problems,
  async open(settings, request) {
    const { bus, close } = await openWhenThere(settings, request);
    return { resource: bus, close };
  },
  lend(bus: EventBus, borrower, settings): EventBus {
    borrower.health.add(probe('bus', () => bus.ping()));
    return {
      ...watched(bus, borrower, settings, 'not-ready'),
      carrier: bus.carrier,
      createTopics: (wanted) => bus.createTopics(wanted),
      partitionsOf: (topic) => bus.partitionsOf(topic),
      ping: () => bus.ping(),
      close: () => bus.close(),
    };
  },
});

/** A server of the process's own is not waited for: nobody else would start it. */
function openWhenThere(settings: BusSettings, request: NeedRequest): Promise<OpenBus> {
  const open = async (): Promise<OpenBus> => openBus(settings, request.clientId, await request.opened(needsDatabase));
  const what = serverOf(settings);
  if (what === undefined) return open();
  return untilThere({ what, open, mayCome: (error) => isDatabaseAway(error) || areBrokersAway(error) }, request);
}

function serverOf({ BUS: carrier, DATABASE_URL: url, KAFKA_BROKERS: brokers }: BusSettings): string | undefined {
  if (carrier === 'kafka') return `Kafka at ${brokers.join(',')}`;
  return carrier === 'postgres' && url !== undefined ? `Postgres at ${withoutPassword(url)}` : undefined;
}

/** kafkajs says of each error whether another try may help; of what it has tried often enough the first reason counts. */
function areBrokersAway(error: unknown): boolean {
  return rootOf(error).retriable === true;
}

/** How long a start waits for a bus that may be away. */
const BUS_WITHIN_MS = 5_000;

/**
 * The event bus of an app that also works without it: opened as soon as it is there. Its consumers are looked after like
 * everybody's, but that the bus is away is no failure of the app's health.
 */
export const needsReconnectingBus = defineNeed({
  name: 'bus that may be away',
  title: 'Event bus',
  variables: { ...busVariables, ...whenAConsumerIsUnwell },
  problems,
  async open(settings, { clientId, opened, logger }) {
    const shared = await opened(needsBus);
    const bus = createReconnectingBus(() =>
      shared ? Promise.resolve({ bus: shared, close: staysOpen }) : openBus(settings, clientId),
    );
    const opening = bus.open().catch((error: Error) => logger.warn(`the event bus can't be opened: ${error.message}`));
    await Promise.race([opening, pause(BUS_WITHIN_MS, undefined, { ref: false })]);
    return { resource: bus as BusClient, close: () => bus.close() };
  },
  lend: (bus: BusClient, borrower, settings) => watched(bus, borrower, settings, 'ready'),
});

/** Of a bus that belongs to others in the process. */
function staysOpen(): Promise<void> {
  return Promise.resolve();
}

function watched(
  bus: BusClient,
  borrower: Borrower,
  settings: {
    readonly CONSUMER_STALLED_AFTER_MS: number;
    readonly CONSUMER_FAILING_AFTER_MS: number;
    readonly CONSUMER_BEHIND_AFTER_MS: number;
  },
  busAway: BusAway,
): BusClient {
  return watchConsumers(bus, borrower, {
    stalledAfterMs: settings.CONSUMER_STALLED_AFTER_MS,
    failingAfterMs: settings.CONSUMER_FAILING_AFTER_MS,
    behindAfterMs: settings.CONSUMER_BEHIND_AFTER_MS,
    busAway,
  });
}
