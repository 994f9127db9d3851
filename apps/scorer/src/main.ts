import { openBus } from '#libs/messaging';
import { announceReady, commonVariables, createLogger, readConfig, runUntilSignal, type Running } from '#libs/platform';
import { scorerSettings } from './configuration.js';
import { startScorer } from './start-scorer.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig(commonVariables);
  const settings = scorerSettings();
  const { bus, close } = await openBus(config, 'scorer');
  const logger = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'scorer' });
  const running = await startScorer({ ...settings, bus, logger });
  announceReady({ scorer: running.url });
  return {
    close: async () => {
      await running.close();
      await close();
    },
  };
}
