import { NoKafkaError, startKafka } from '#libs/messaging';
import { commonVariables, readConfig, runUntilSignal } from '#libs/platform';

/** `npm run kafka`: a real broker for this machine until Ctrl-C. */
await runUntilSignal(async () => {
  const { KAFKA_BROKERS } = readConfig({ KAFKA_BROKERS: commonVariables.KAFKA_BROKERS });
  try {
    const kafka = await startKafka({ brokers: KAFKA_BROKERS, onProgress: (line) => process.stdout.write(`${line}\n`) });
    process.stdout.write(`Kafka is up: ${kafka.how}\nexport KAFKA_BROKERS=${kafka.brokers.join(',')}\n`);
    return { close: () => kafka.stop() };
  } catch (error) {
    if (!(error instanceof NoKafkaError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
});
