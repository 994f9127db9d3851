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
import { startDecision } from './start-decision.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig({ ...commonVariables, DECISION_PORT: variables.port.default(8081) });
  const { bus, database, close } = await openBusAndDatabase(config, 'decision');
  const decision = await startDecision({
    database,
    bus,
    host: config.HOST,
    port: config.DECISION_PORT,
    logger: createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'decision' }),
  });
  announceReady({ decision: decision.url });
  return {
    async close() {
      await decision.close();
      await close();
    },
  };
}
