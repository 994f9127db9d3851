import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openBus, openConfiguredDatabase, startKafka } from '#libs/messaging';
import { commonVariables, readConfig } from '#libs/platform';
import { startApp, type Child } from './child-process.js';
import { ExperimentWatcher } from './experiment-watcher.js';

/**
 * How the services are spread over processes: all in one; all in one but the scorer, which then can die alone; or every service a
 * process of its own, as in production.
 */
export type Shape = 'standalone' | 'scorer-apart' | 'all-apart';

/** Apps that a shape starts, in this order. */
const APPS = {
  standalone: ['standalone'],
  'scorer-apart': ['standalone', 'scorer'],
  'all-apart': ['decision', 'reports', 'recorder', 'analyzer', 'scorer', 'router'],
} as const satisfies Record<Shape, readonly string[]>;

/**
 * Variants have machines of their own in production. Here they share one with everything that looks at them, and whichever of the two
 * happens to share a CPU with the scorer would be measured slower by half: the services wait for the variants instead.
 */
const BEHIND_THE_VARIANTS = 10;

export interface StackOptions {
  readonly bus: 'postgres' | 'kafka';
  /** Database, pictures and last-known-good files. */
  readonly dataDir: string;
  readonly shape: Shape;
  /** Further settings of every service. */
  readonly settings?: Readonly<Record<string, string>>;
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
  /** Ends one process with SIGKILL: nothing is saved, nobody is told. */
  kill(app: string): Promise<void>;
  /** Starts a killed process again, at the same addresses. */
  restart(app: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts the services (and a broker with bus: kafka) and listens to their bus. */
export async function startStack(options: StackOptions): Promise<Stack> {
  // Open to the account that Postgres runs under where we are root; else the cluster would have to live elsewhere.
  await mkdir(options.dataDir, { recursive: true });
  await chmod(options.dataDir, 0o755);
  const { KAFKA_BROKERS } = readConfig({ KAFKA_BROKERS: commonVariables.KAFKA_BROKERS });
  const kafka = options.bus === 'kafka' ? await startKafka({ brokers: KAFKA_BROKERS }) : null;
  const startedAt = performance.now();
  const pictureFolder = join(options.dataDir, 'pictures');
  const settings: Record<string, string> = {
    BUS: options.bus,
    DATA_DIR: options.dataDir,
    LOG_FORMAT: 'text',
    LOG_LEVEL: 'warn',
    SCORER_IMAGE_ROOTS: pictureFolder,
    REPORTS_PICTURE_ROOTS: pictureFolder,
    ...options.settings,
    ...(kafka ? { KAFKA_BROKERS: kafka.brokers.join(',') } : {}),
  };
  const database = await openConfiguredDatabase(readConfig(commonVariables, settings), 'cli');
  settings['DATABASE_URL'] = database.url;
  const { bus, close: closeBus } = await openBus(readConfig(commonVariables, settings), 'cli', database);
  const processes = new Map<string, Child>();
  // Any free ones: several stacks may run on one machine.
  const ports: Record<string, string> = Object.fromEntries(
    ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER'].map((name) => [
      `${name}_PORT`,
      '0',
    ]),
  );
  const start = async (app: string): Promise<void> => {
    const without: Record<string, string> =
      app === 'standalone' && options.shape === 'scorer-apart' ? { WITHOUT: 'scorer' } : {};
    const child = await startApp(
      app,
      { ...settings, ...ports, ...without },
      { ...options, niceness: BEHIND_THE_VARIANTS },
    );
    processes.set(app, child);
    for (const [name, url] of Object.entries(child.ready)) {
      if (typeof url === 'string' && URL.canParse(url)) ports[`${name.toUpperCase()}_PORT`] = new URL(url).port;
    }
  };
  for (const app of APPS[options.shape]) await start(app);
  const urlOf = (name: string): string => {
    const found = [...processes.values()].map(({ ready }) => ready[name]).find((url) => typeof url === 'string');
    if (found === undefined) throw new Error(`no process told where ${name} is`);
    return found as string;
  };
  const watcher = new ExperimentWatcher(bus);
  await watcher.ready;
  return {
    bus: options.bus,
    routerUrl: urlOf('router'),
    decisionUrl: urlOf('decision'),
    reportsUrl: urlOf('reports'),
    pictureFolder,
    watcher,
    settings,
    startedInMs: performance.now() - startedAt,
    async kill(app) {
      const child = processes.get(app);
      if (!child)
        throw new Error(`${app} is no process of its own here; there are ${[...processes.keys()].join(', ')}`);
      await child.stop('SIGKILL');
    },
    restart: start,
    async close() {
      await watcher.close();
      for (const child of [...processes.values()].toReversed()) await child.stop();
      await closeBus();
      await database.close();
      await kafka?.stop();
    },
  };
}
