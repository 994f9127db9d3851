import { join } from 'node:path';
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
import { startReports } from './start-reports.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig({
    ...commonVariables,
    /** Port of the API and the live page; 0 takes any free one. */
    REPORTS_PORT: variables.port.default(8082),
    /** Comma-separated folders whose pictures may be shown. Default: `pictures` in DATA_DIR. */
    REPORTS_PICTURE_ROOTS: variables.list.optional(),
  });
  const { bus, database, close } = await openBusAndDatabase(config, 'reports');
  const reports = await startReports({
    database,
    bus,
    pictureRoots: config.REPORTS_PICTURE_ROOTS ?? [join(config.DATA_DIR, 'pictures')],
    host: config.HOST,
    port: config.REPORTS_PORT,
    logger: createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'reports' }),
  });
  announceReady({ reports: reports.url });
  return {
    close: async () => {
      await reports.close();
      await close();
    },
  };
}
