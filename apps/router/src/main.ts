import { openBus } from '#libs/messaging';
import { announceReady, commonVariables, createLogger, readConfig, runUntilSignal, type Running } from '#libs/platform';
import { routerSettings } from './configuration.js';
import { startRouter } from './start-router.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig(commonVariables);
  const settings = routerSettings();
  const { bus, close } = await openBus(config, settings.routerId ?? 'router');
  const logger = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'router' });
  const router = await startRouter({ ...settings, bus, logger });
  announceReady({ router: router.url });
  return {
    async close() {
      await router.close();
      await close();
    },
  };
}
