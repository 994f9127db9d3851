import { NoKafkaError, startKafka, type RunningKafka } from '#libs/messaging';
import { commonVariables, readConfig } from '#libs/platform';

/** `npm run kafka`: a real broker for this machine until Ctrl-C. */
const { KAFKA_BROKERS } = readConfig({ KAFKA_BROKERS: commonVariables.KAFKA_BROKERS });
const kafka = await start();
process.stdout.write(`Kafka is up: ${kafka.how}\nexport KAFKA_BROKERS=${kafka.brokers.join(',')}\n`);
await new Promise((resolve) => {
  process.once('SIGINT', resolve);
  process.once('SIGTERM', resolve);
});
await kafka.stop();
process.exit(0);

async function start(): Promise<RunningKafka> {
  try {
    return await startKafka({ brokers: KAFKA_BROKERS, onProgress: (line) => process.stdout.write(`${line}\n`) });
  } catch (error) {
    if (!(error instanceof NoKafkaError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
