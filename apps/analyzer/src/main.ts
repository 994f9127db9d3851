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
import { startAnalyzer } from './start-analyzer.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig({
    ...commonVariables,
    /** Shortest time between two analyses of an experiment. */
    ANALYZER_EVERY_MS: variables.integer.min(0).default(50),
    /** Time between two snapshots of the evidence. */
    ANALYZER_SNAPSHOT_EVERY_MS: variables.integer.min(10).default(1_000),
  });
  const { bus, database, close } = await openBusAndDatabase(config, 'analyzer');
  const analyzer = await startAnalyzer({
    bus,
    database,
    partitions: config.PARTITIONS,
    analyseEveryMs: config.ANALYZER_EVERY_MS,
    snapshotEveryMs: config.ANALYZER_SNAPSHOT_EVERY_MS,
    logger: createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'analyzer' }),
  });
  announceReady({ analyzer: true });
  return {
    close: async () => {
      await analyzer.close();
      await close();
    },
  };
}
