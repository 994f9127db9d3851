import { z } from 'zod';
import { routerSettings } from '#apps/router';
import { scorerSettings } from '#apps/scorer';
import { openBus, openConfiguredDatabase } from '#libs/messaging';
import {
  announceReady,
  commonVariables,
  createLogger,
  readConfig,
  runUntilSignal,
  variables,
  type Running,
} from '#libs/platform';
import { startStandalone } from './start-standalone.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig({
    ...commonVariables,
    DECISION_PORT: variables.port.default(8081),
    REPORTS_PORT: variables.port.default(8082),
    /** Comma-separated parts that run as processes of their own. */
    WITHOUT: variables.list.pipe(z.array(z.enum(['scorer']))).default([]),
  });
  const database = await openConfiguredDatabase(config, 'standalone');
  const { bus, close } = await openBus(config, 'standalone', database);
  const running = await startStandalone({
    database,
    bus,
    partitions: config.PARTITIONS,
    host: config.HOST,
    ports: { decision: config.DECISION_PORT, reports: config.REPORTS_PORT },
    router: routerSettings(),
    scorer: scorerSettings(),
    without: config.WITHOUT,
    logger: createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'standalone' }),
  });
  announceReady({ ...running.urls, databaseUrl: database.url });
  return {
    async close() {
      await running.close();
      await close();
      await database.close();
    },
  };
}
