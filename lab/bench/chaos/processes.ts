import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnApp, type Child } from '#apps/cli';
import { startKafka, type RunningKafka, type StartKafkaOptions } from '#libs/messaging';
import { said } from '../parts.js';
import type { DatabaseReady } from './database.js';

export type BusName = 'postgres' | 'kafka';
/** `broker`: of Kafka, where that is the bus. On Postgres the database is the bus as well. */
export type StoreName = 'database' | 'broker';

export interface ProcessesOptions<Service extends string> {
  /** The app of every service. */
  readonly apps: Readonly<Record<Service, string>>;
  readonly bus: BusName;
  readonly dataDir: string;
  readonly readyWithinMs: number;
  /** What services and broker say, line by line. */
  readonly onLine: (line: string) => void;
}

const PORTS = ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER'];
/** The upstreams and the load stand for other machines: the services wait for them. */
const BEHIND_THE_LOAD = 5;

/** The processes of a run in which each can be killed, and comes back at the same address. */
export abstract class Processes<Service extends string> {
  protected readonly services = new Map<Service, Child>();
  private readonly ports = new Map<Service, Record<string, string>>();
  private readonly others: ChildProcess[] = [];
  private database: { readonly process: ChildProcess; readonly ready: DatabaseReady } | undefined;
  private kafka: RunningKafka | undefined;

  constructor(protected readonly options: ProcessesOptions<Service>) {}

  /** Where events are. */
  get bus(): StoreName {
    return this.options.bus === 'kafka' ? 'broker' : 'database';
  }

  get databaseUrl(): string {
    return this.database!.ready.url;
  }

  /** Bus and database as the services have them. */
  get settings(): Readonly<Record<string, string>> {
    return { ...this.onBus, DATABASE_URL: this.databaseUrl };
  }

  protected get onBus(): Readonly<Record<string, string>> {
    return { BUS: this.options.bus, ...(this.kafka ? { KAFKA_BROKERS: this.kafka.brokers.join(',') } : {}) };
  }

  /** The first time at free ports, afterwards at the same ones. */
  async start(name: Service | StoreName): Promise<void> {
    if (name === 'database') return this.startDatabase();
    if (name === 'broker') return this.startBroker();
    await this.startService(name as Service);
  }

  /** SIGKILL: nothing is saved, nobody is told. Resolves when it is gone. */
  async kill(name: Service | StoreName): Promise<void> {
    if (name === 'broker') return this.kafka?.crash?.();
    if (name !== 'database') return this.killService(name as Service);
    const { process: holder, ready } = this.database!;
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    const pid = Number.parseInt(await readFile(ready.pidFile, 'utf8').catch(() => ''), 10);
    if (pid > 0) killIfThere(pid);
    await ended;
  }

  /** Whether the broker has ended by itself. */
  protected get isBrokerGone(): boolean {
    return this.kafka?.isGone?.() === true;
  }

  /** What services of this name are started with beside what all are. */
  protected ownSettingsOf(_name: Service): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({});
  }

  /** Of the broker's start. */
  protected get brokerOptions(): StartKafkaOptions {
    return {};
  }

  addressOf(name: Service): string {
    return String(this.services.get(name)!.ready[this.options.apps[name]]);
  }

  /** Where a router tells operators what is in force. */
  adminOf(name: Service): string {
    return String(this.services.get(name)!.ready['routerAdmin']);
  }

  forkLoad(): ChildProcess {
    return this.fork(new URL('./load', import.meta.url));
  }

  /** Ends what is not ended yet, the services first. */
  async close(): Promise<void> {
    for (const name of [...this.services.keys()].toReversed()) await this.killService(name);
    for (const child of this.others) child.kill('SIGKILL');
    await this.kafka?.stop();
    const holder = this.database?.process;
    if (!holder || holder.exitCode !== null || holder.signalCode !== null) return;
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.send('stop');
    await ended;
  }

  protected async killService(name: Service): Promise<void> {
    await this.services.get(name)!.stop('SIGKILL');
  }

  protected async startService(name: Service): Promise<Child> {
    const { apps, dataDir, readyWithinMs: timeoutMs, onLine } = this.options;
    const settings = {
      ...this.settings,
      DATA_DIR: dataDir,
      // Bodies say who orders.
      AUTH: 'off',
      LOG_FORMAT: 'text',
      LOG_LEVEL: 'warn',
      ROUTER_ID: name,
      ...Object.fromEntries(PORTS.map((port) => [`${port}_PORT`, '0'])),
      ...this.ports.get(name),
      ...(await this.ownSettingsOf(name)),
    };
    const child = await spawnApp(apps[name], settings, {
      niceness: BEHIND_THE_LOAD,
      timeoutMs,
      onLine: (line) => onLine(`${name}: ${line}`),
    });
    this.services.set(name, child);
    const addresses = Object.entries(child.ready).filter(([, url]) => typeof url === 'string' && URL.canParse(url));
    this.ports.set(
      name,
      Object.fromEntries(addresses.map(([key, url]) => [portVariable(key), new URL(String(url)).port])),
    );
    return child;
  }

  /**
   * A part of the run in a process of its own; it ends with this one.
   * @param module without its extension
   */
  protected fork(module: URL, ...parameters: readonly string[]): ChildProcess {
    const child = forkModule(module, parameters);
    this.others.push(child);
    return child;
  }

  private async startDatabase(): Promise<void> {
    const child = forkModule(new URL('./database', import.meta.url), [this.options.dataDir]);
    this.database = { process: child, ready: await said<DatabaseReady>(child) };
  }

  /** @throws Error where there is no broker that can be killed */
  private async startBroker(): Promise<void> {
    if (this.kafka) return this.kafka.startAgain?.();
    this.kafka = await startKafka({ onProgress: this.options.onLine, ...this.brokerOptions });
    if (!this.kafka.crash)
      throw new Error(`${this.kafka.how} is no process of this run, which has to kill it: install Java and Maven`);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function forkModule(module: URL, parameters: readonly string[]): ChildProcess {
  return fork(`${fileURLToPath(module)}${extname(import.meta.url)}`, parameters, { serialization: 'advanced' });
}

/** `routerAdmin` is at ROUTER_ADMIN_PORT. */
function portVariable(key: string): string {
  return `${key.replace(/[A-Z]/g, '_$&').toUpperCase()}_PORT`;
}
