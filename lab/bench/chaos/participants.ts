import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnApp, type Child } from '#apps/cli';
import { startKafka, type RunningKafka } from '#libs/messaging';
import { said } from '../parts.js';
import type { DatabaseReady } from './database.js';

/** Services by their name in the run, in the order in which they start. */
const SERVICES = {
  decision: 'decision',
  reports: 'reports',
  recorder: 'recorder',
  analyzer: 'analyzer',
  scorer: 'scorer',
  'router-a': 'router',
  'router-b': 'router',
} as const;
export type ServiceName = keyof typeof SERVICES;
/** `broker`: of Kafka, where that is the bus. */
export type ParticipantName = 'database' | 'broker' | ServiceName;
export type BusName = 'postgres' | 'kafka';

const PORTS = ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER'];
/** The upstreams and the load stand for other machines: the services wait for them. */
const BEHIND_THE_LOAD = 5;
/** On a machine that does much else. */
const READY_WITHIN_MS = 120_000;

/** Every process of the run: each can be killed, and comes back at the same address. */
export class Participants {
  private readonly services = new Map<ServiceName, Child>();
  private readonly ports = new Map<ServiceName, Record<string, string>>();
  private readonly others: ChildProcess[] = [];
  private database: { readonly process: ChildProcess; readonly ready: DatabaseReady } | undefined;
  private kafka: RunningKafka | undefined;
  /** Those that the run ended itself. */
  private readonly killed = new WeakSet<Child>();
  /** Services that ended by themselves and are started again now. */
  private readonly returning = new Map<ServiceName, Promise<void>>();

  constructor(
    private readonly dataDir: string,
    private readonly busName: BusName,
    private readonly onLine: (line: string) => void,
  ) {}

  /** Where events are: the database, or a broker. */
  get bus(): ParticipantName {
    return this.busName === 'kafka' ? 'broker' : 'database';
  }

  /** @returns addresses of the upstreams. */
  async startAll(): Promise<Readonly<Record<'control' | 'candidate', string>>> {
    const [control, candidate] = await Promise.all(['control', 'candidate'].map((name) => this.startUpstream(name)));
    await this.start('database');
    if (this.busName === 'kafka') await this.start('broker');
    for (const name of Object.keys(SERVICES) as ServiceName[]) await this.start(name);
    return { control: control!, candidate: candidate! };
  }

  /** The first time at free ports, afterwards at the same ones. */
  async start(name: ParticipantName): Promise<void> {
    if (name === 'database') return this.startDatabase();
    if (name === 'broker') return this.startBroker();
    const settings = {
      BUS: this.busName,
      ...(this.kafka ? { KAFKA_BROKERS: this.kafka.brokers.join(',') } : {}),
      DATABASE_URL: this.database!.ready.url,
      DATA_DIR: this.dataDir,
      // Bodies say who orders.
      AUTH: 'off',
      LOG_FORMAT: 'text',
      LOG_LEVEL: 'warn',
      ROUTER_ID: name,
      ...Object.fromEntries(PORTS.map((port) => [`${port}_PORT`, '0'])),
      ...this.ports.get(name),
    };
    const child = await spawnApp(SERVICES[name], settings, {
      niceness: BEHIND_THE_LOAD,
      timeoutMs: READY_WITHIN_MS,
      onLine: (line) => this.onLine(`${name}: ${line}`),
    });
    this.services.set(name, child);
    void child.ended.then((how) => this.supervise(name, child, how));
    const addresses = Object.entries(child.ready).filter(([, url]) => typeof url === 'string' && URL.canParse(url));
    this.ports.set(
      name,
      Object.fromEntries(addresses.map(([key, url]) => [portVariable(key), new URL(String(url)).port])),
    );
  }

  /** SIGKILL: nothing is saved, nobody is told. Resolves when it is gone. */
  async kill(name: ParticipantName): Promise<void> {
    if (name === 'broker') return this.kafka?.crash?.();
    if (name !== 'database') return this.killService(name);
    const { process: holder, ready } = this.database!;
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    process.kill(ready.serverPid, 'SIGKILL');
    await ended;
  }

  addressOf(name: ServiceName): string {
    return String(this.services.get(name)!.ready[SERVICES[name]]);
  }

  /** Where a router tells operators what is in force. */
  adminOf(name: ServiceName): string {
    return String(this.services.get(name)!.ready['routerAdmin']);
  }

  /** A part of this bench in a process of its own; it ends with this one. */
  fork(part: 'load' | 'upstream' | 'database', ...parameters: readonly string[]): ChildProcess {
    const file = fileURLToPath(new URL(`./${part}${extname(import.meta.url)}`, import.meta.url));
    const child = fork(file, parameters, { serialization: 'advanced' });
    if (part !== 'database') this.others.push(child);
    return child;
  }

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

  private async killService(name: ServiceName): Promise<void> {
    await this.returning.get(name);
    const child = this.services.get(name)!;
    this.killed.add(child);
    await child.stop('SIGKILL');
  }

  /** As whoever runs them does: a service that ends by itself, since its client of the bus is beyond mending for example, starts again. */
  private supervise(name: ServiceName, child: Child, how: number | string): void {
    if (this.killed.has(child)) return;
    this.onLine(`${name} ended with ${how} and is started again`);
    const back = this.start(name).catch((error: Error) => this.onLine(`${name} did not come back: ${error.message}`));
    this.returning.set(
      name,
      back.finally(() => this.returning.delete(name)),
    );
  }

  private async startDatabase(): Promise<void> {
    const child = this.fork('database', this.dataDir);
    this.database = { process: child, ready: await said<DatabaseReady>(child) };
  }

  /** @throws Error where there is no broker that can be killed */
  private async startBroker(): Promise<void> {
    if (this.kafka) return this.kafka.startAgain?.();
    const kafka = await startKafka({ onProgress: this.onLine });
    this.kafka = kafka;
    if (!kafka.crash)
      throw new Error(`${kafka.how} is no process of this run, which has to kill it: install Java and Maven`);
  }

  private async startUpstream(name: string): Promise<string> {
    return (await said<{ readonly url: string }>(this.fork('upstream', name))).url;
  }
}

/** `routerAdmin` is at ROUTER_ADMIN_PORT. */
function portVariable(key: string): string {
  return `${key.replace(/[A-Z]/g, '_$&').toUpperCase()}_PORT`;
}
