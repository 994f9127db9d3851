import { setTimeout as sleep } from 'node:timers/promises';
import { createReconnectingBus, openBus } from '#libs/messaging';
import { announceReady, commonVariables, createLogger, readConfig, runUntilSignal, type Running } from '#libs/platform';
import { routerSettings } from './configuration.js';
import { startRouter } from './start-router.js';

/** How long a start waits for the bus before the router serves from its last-known-good file. */
const BUS_WITHIN_MS = 5_000;

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig(commonVariables);
  const settings = routerSettings();
  const logger = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'router' });
  const bus = createReconnectingBus(() => openBus(config, 'router'));
  const opened = bus.open().catch((error: Error) => logger.warn(`the event bus can't be opened: ${error.message}`));
  await Promise.race([opened, sleep(BUS_WITHIN_MS, undefined, { ref: false })]);
  const router = await startRouter({ ...settings, bus, logger });
  announceReady({ router: router.url });
  return {
    close: async () => {
      await router.close();
      await bus.close();
    },
  };
}
