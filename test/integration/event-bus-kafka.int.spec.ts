import { Logger } from '@nestjs/common';
import { afterAll, describe, expect, it } from 'vitest';
import { createEventBus, NoKafkaError, startKafka, type RunningKafka } from '#libs/messaging';
import { commonVariables, readConfig } from '#libs/platform';
import { describeEventBus } from './event-bus-conformance.js';

const { KAFKA_BROKERS } = readConfig({ KAFKA_BROKERS: commonVariables.KAFKA_BROKERS });

const kafka = await startKafka({ brokers: KAFKA_BROKERS }).catch((error: unknown): RunningKafka | undefined => {
  if (!(error instanceof NoKafkaError)) throw error;
  process.stderr.write(`\n*** SKIPPED: the event bus was not tested on Kafka. ${error.message} ***\n\n`);
  return undefined;
});

Logger.overrideLogger(['warn', 'error']);
if (kafka) {
  afterAll(() => kafka.stop());
  // A broker of somebody else allows no session shorter than 6 s by default.
  const sessionTimeoutMs = KAFKA_BROKERS.length > 0 ? 6_000 : 2_000;
  const options = { carrier: 'kafka', brokers: kafka.brokers, clientId: 'test', sessionTimeoutMs } as const;
  describeEventBus('kafka', () =>
    Promise.resolve({ newBus: () => createEventBus(options), memberBus: options, close: () => Promise.resolve() }),
  );
} else {
  describe.skip('event bus: kafka (no broker can be had here)', () => {
    it('is skipped', () => expect.unreachable());
  });
}
