import { join } from 'node:path';
import { openBus, startKafka } from '#libs/messaging';
import { commonVariables, readConfig } from '#libs/platform';
import { startApp, type Child } from './child-process.js';
import { ExperimentWatcher } from './experiment-watcher.js';

export interface StackOptions {
  readonly bus: 'postgres' | 'kafka';
  /** Database, pictures and last-known-good files. */
  readonly dataDir: string;
  /** The scorer as a process of its own, so that it can die alone. */
  readonly separateScorer: boolean;
  readonly onLine?: (line: string) => void;
}

/** Everything that has to run before a scenario can be played, and where it is. */
export interface Stack {
  readonly bus: 'postgres' | 'kafka';
  readonly routerUrl: string;
  readonly decisionUrl: string;
  readonly reportsUrl: string;
  readonly pictureFolder: string;
  readonly watcher: ExperimentWatcher;
  /** Settings with which a further process joins the same bus and database. */
  readonly settings: Readonly<Record<string, string>>;
  readonly startedInMs: number;
  killScorer(): Promise<void>;
  /** Brings a dead scorer back. */
  restartScorer(): Promise<void>;
  close(): Promise<void>;
}

/** Starts standalone (and a broker with bus: kafka) and listens to its bus. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const environmentBrokers = readConfig({ KAFKA_BROKERS: commonVariables.KAFKA_BROKERS }).KAFKA_BROKERS;
  const kafka = options.bus === 'kafka' ? await startKafka({ brokers: environmentBrokers }) : null;
  const startedAt = performance.now();
  const pictureFolder = join(options.dataDir, 'pictures');
  const settings: Record<string, string> = {
    BUS: options.bus,
    DATA_DIR: options.dataDir,
    LOG_FORMAT: 'text',
    LOG_LEVEL: 'warn',
    SCORER_IMAGE_ROOTS: pictureFolder,
    ...(kafka ? { KAFKA_BROKERS: kafka.brokers.join(',') } : {}),
  };
  const standalone = await startApp(
    'standalone',
    {
      ...settings,
      ROUTER_PORT: '0',
      DECISION_PORT: '0',
      REPORTS_PORT: '0',
      SCORER_PORT: '0',
      ...(options.separateScorer ? { WITHOUT: 'scorer' } : {}),
    },
    options,
  );
  settings['DATABASE_URL'] = String(standalone.ready['databaseUrl']);
  const startScorer = (): Promise<Child> => startApp('scorer', { ...settings, SCORER_PORT: '0' }, options);
  let scorer = options.separateScorer ? await startScorer() : null;
  const { bus, close: closeBus } = await openBus(readConfig(commonVariables, settings), 'cli');
  const watcher = new ExperimentWatcher(bus);
  await watcher.ready;
  return {
    bus: options.bus,
    routerUrl: String(standalone.ready['router']),
    decisionUrl: String(standalone.ready['decision']),
    reportsUrl: String(standalone.ready['reports']),
    pictureFolder,
    watcher,
    settings,
    startedInMs: performance.now() - startedAt,
    async killScorer() {
      if (!scorer) throw new Error('the scorer is part of standalone here and cannot die alone');
      await scorer.stop('SIGKILL');
    },
    async restartScorer() {
      scorer = await startScorer();
    },
    async close() {
      await watcher.close();
      await closeBus();
      await scorer?.stop();
      await standalone.stop();
      await kafka?.stop();
    },
  };
}
