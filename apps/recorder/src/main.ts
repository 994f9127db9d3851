import { openBusAndDatabase } from '#libs/messaging';
import {
  announceReady,
  commonVariables,
  createLogger,
  readConfig,
  runUntilSignal,
  variables,
  type Running,
} from '#libs/platform';
import { startRecorder } from './start-recorder.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig({
    ...commonVariables,
    /** Age at which requests, generations, scores and feedback are deleted. */
    RECORDER_KEEP_DAYS: variables.number.min(0.01).default(30),
  });
  const { bus, database, close } = await openBusAndDatabase(config, 'recorder');
  const logger = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'recorder' });
  const recorder = await startRecorder({
    database,
    bus,
    keepFactsMs: config.RECORDER_KEEP_DAYS * 86_400_000,
    logger,
  });
  announceReady({ recorder: true });
  return {
    async close() {
      await recorder.close();
      await close();
    },
  };
}
