import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openBus, openConfiguredDatabase, startKafka, type RunningKafka } from '#libs/messaging';
import { commonVariables, operatorTokenIn, readConfig } from '#libs/platform';
import { spawnApp, type Child } from './child-process.js';
import { ExperimentWatcher } from './experiment-watcher.js';
import { InterruptedError } from './interrupted-error.js';

/**
 * How the services are spread over processes: all in one; all in one but the scorer, which then can die alone; or every service a
 * process of its own, as in production.
 */
export type StackShape = 'standalone' | 'scorer-apart' | 'all-apart';

/** Apps that a shape starts, in this order. */
const APPS = {
  standalone: ['standalone'],
  'scorer-apart': ['standalone', 'scorer'],
  'all-apart': ['decision', 'reports', 'recorder', 'analyzer', 'scorer', 'router'],
} as const satisfies Record<StackShape, readonly string[]>;

/**
 * Variants have machines of their own in production. Here they share one with everything that looks at them, and whichever of the two
 * happens to share a CPU with the scorer would be measured slower by half: the services wait for the variants instead.
 */
const BEHIND_THE_VARIANTS = 10;

export interface StackOptions {
  readonly bus: 'postgres' | 'kafka';
  /** Database, pictures and last-known-good files. */
  readonly dataDir: string;
  readonly shape: StackShape;
  /** Further settings of every service. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
  /** Ends the start. */
  readonly signal?: AbortSignal;
}

/** Everything that has to run before a scenario can be played, and where it is. */
export interface Stack {
  readonly bus: 'postgres' | 'kafka';
  readonly routerUrl: string;
  readonly decisionUrl: string;
  readonly reportsUrl: string;
  readonly pictureFolder: string;
  /** With it experiments may be applied. */
  readonly operatorToken: string;
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

/** Starts the services (and a broker with bus: kafka) and listens to their bus. Where that fails or is interrupted, nothing stays behind. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const opened = new Closers();
  try {
    return await open(options, opened);
  } catch (error) {
    await opened.close();
    throw options.signal?.aborted ? new InterruptedError() : error;
  }
}

async function open(options: StackOptions, opened: Closers): Promise<Stack> {
  // Open to the account that Postgres runs under where we are root; else the cluster would have to live elsewhere.
  await mkdir(options.dataDir, { recursive: true });
  await chmod(options.dataDir, 0o755);
  const pictureFolder = join(options.dataDir, 'pictures');
  const kafka =
    options.bus === 'kafka'
      ? await opened.keep(startBroker().then((broker) => ({ ...broker, close: () => broker.stop() })))
      : null;
  const startedAt = performance.now();
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
  const database = await opened.keep(openConfiguredDatabase(readConfig(commonVariables, settings), 'cli'));
  settings['DATABASE_URL'] = database.url;
  const { bus } = await opened.keep(openBus(readConfig(commonVariables, settings), 'cli', database));
  const services = new Services(options, settings);
  opened.add(() => services.stop());
  for (const app of APPS[options.shape]) await services.start(app);
  const watcher = new ExperimentWatcher(bus);
  opened.add(() => watcher.close());
  await watcher.ready;
  return {
    bus: options.bus,
    routerUrl: services.urlOf('router'),
    decisionUrl: services.urlOf('decision'),
    reportsUrl: services.urlOf('reports'),
    pictureFolder,
    operatorToken: (await operatorTokenIn(options.dataDir)).token,
    watcher,
    settings,
    startedInMs: performance.now() - startedAt,
    kill: (app) => services.kill(app),
    restart: (app) => services.start(app),
    close: () => opened.close(),
  };
}

function startBroker(): Promise<RunningKafka> {
  const { KAFKA_BROKERS } = readConfig({ KAFKA_BROKERS: commonVariables.KAFKA_BROKERS });
  return startKafka({ brokers: KAFKA_BROKERS });
}

/** What was opened, closed in the reverse order; one that can't be closed keeps none of the others open. */
class Closers {
  private readonly closers: (() => Promise<void>)[] = [];

  add(close: () => Promise<void>): void {
    this.closers.push(close);
  }

  async keep<Resource extends { close(): Promise<void> }>(opening: Promise<Resource>): Promise<Resource> {
    const resource = await opening;
    this.add(() => resource.close());
    return resource;
  }

  /** @throws what went wrong first, once all are closed. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.closers.splice(0).toReversed())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}

const ADDRESSED = ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER'];

/** The processes of a stack and where they listen. */
class Services {
  private readonly processes = new Map<string, Child>();
  /** Any free ones at first: several stacks may run on one machine. */
  private readonly ports: Record<string, string> = Object.fromEntries(ADDRESSED.map((name) => [`${name}_PORT`, '0']));

  constructor(
    private readonly options: StackOptions,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** The first time at free ports, afterwards at the same ones. */
  async start(app: string): Promise<void> {
    const { shape, onLine, signal } = this.options;
    const without: Record<string, string> =
      app === 'standalone' && shape === 'scorer-apart' ? { WITHOUT: 'scorer' } : {};
    const child = await spawnApp(
      app,
      { ...this.settings, ...this.ports, ...without },
      { signal, niceness: BEHIND_THE_VARIANTS, ...(onLine ? { onLine } : {}) },
    );
    this.processes.set(app, child);
    for (const [name, url] of Object.entries(child.ready)) {
      if (typeof url === 'string' && URL.canParse(url)) this.ports[`${name.toUpperCase()}_PORT`] = new URL(url).port;
    }
  }

  urlOf(name: string): string {
    const found = [...this.processes.values()].map(({ ready }) => ready[name]).find((url) => typeof url === 'string');
    if (found === undefined) throw new Error(`no process told where ${name} is`);
    return found as string;
  }

  async kill(app: string): Promise<void> {
    const child = this.processes.get(app);
    const known = [...this.processes.keys()].join(', ');
    if (!child) throw new Error(`${app} is no process of its own here; there are ${known}`);
    await child.stop('SIGKILL');
  }

  async stop(): Promise<void> {
    for (const child of [...this.processes.values()].toReversed()) await child.stop();
  }
}
