import { openBus, openConfiguredDatabase } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { announceReady, commonVariables, createLogger, readConfig, runUntilSignal, type Running } from '#libs/platform';
import { startRecorder } from './start-recorder.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig(commonVariables);
  const database = await openConfiguredDatabase(config, 'recorder');
  await migrate(database);
  const { bus, close } = await openBus(config, 'recorder', database);
  const logger = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'recorder' });
  const recorder = await startRecorder({ database, bus, logger });
  announceReady({ recorder: true });
  return {
    async close() {
      await recorder.close();
      await close();
      await database.close();
    },
  };
}
