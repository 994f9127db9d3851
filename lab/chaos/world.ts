import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnApp, type Child } from '#apps/cli';
import { startKafka, type RunningKafka } from '#libs/messaging';
import type { DatabaseReady } from '../bench/chaos/database.js';
import { said } from '../bench/parts.js';
import { startTcpProxy, type TcpProxy } from '../bench/tcp-proxy.js';
import { SERVICES, type ChaosBus, type ChaosService, type Victim } from './faults.js';
import type { UpstreamReady, UpstreamTold } from './upstream.js';

export const VARIANTS = {
  control: { checkpoint: 'c', sampler: 's', steps: 20, precision: 'fp16' },
  candidate: { checkpoint: 'c', sampler: 's', steps: 20, precision: 'int8' },
} as const;
export type VariantName = keyof typeof VARIANTS;

const PORTS = ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER'];
/** On a machine that does much else. */
const READY_WITHIN_MS = 180_000;
/** The upstreams and the load stand for other machines: the services wait for them. */
const BEHIND_THE_LOAD = 5;

/** Every process of the run, and the way to the database. Each can be killed, and comes back at the same address. */
export class World {
  private readonly services = new Map<ChaosService, Child>();
  private readonly ports = new Map<ChaosService, Record<string, string>>();
  private readonly upstreams = new Map<VariantName, ChildProcess>();
  private readonly others: ChildProcess[] = [];
  private database: { readonly process: ChildProcess; readonly ready: DatabaseReady } | undefined;
  private proxy: TcpProxy | undefined;
  private kafka: RunningKafka | undefined;

  constructor(
    private readonly busName: ChaosBus,
    private readonly service: string,
    private readonly dataDir: string,
    private readonly onLine: (line: string) => void,
  ) {}

  get bus(): Victim {
    return this.busName === 'kafka' ? 'broker' : 'database';
  }

  /** Bus and database as the services have them, over the slow way where there is one. */
  get settings(): Readonly<Record<string, string>> {
    return { ...this.onBus, DATABASE_URL: this.proxied };
  }

  /** The database without the way. */
  get databaseUrl(): string {
    return this.database!.ready.url;
  }

  private get onBus(): Readonly<Record<string, string>> {
    return { BUS: this.busName, ...(this.kafka ? { KAFKA_BROKERS: this.kafka.brokers.join(',') } : {}) };
  }

  private get proxied(): string {
    const url = new URL(this.databaseUrl);
    url.port = String(this.proxy!.port);
    return url.href;
  }

  /** @returns addresses of the upstreams. */
  async startAll(): Promise<Readonly<Record<VariantName, string>>> {
    await this.startDatabase();
    if (this.busName === 'kafka') await this.startBroker();
    const { hostname, port } = new URL(this.databaseUrl);
    this.proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    // The first one migrates; the others would only wait for it.
    await this.start('decision');
    const rest = (Object.keys(SERVICES) as ChaosService[]).filter((name) => name !== 'decision');
    const [control, candidate] = await Promise.all([
      this.startUpstream('control'),
      this.startUpstream('candidate'),
      ...rest.map((name) => this.start(name)),
    ]);
    return { control: control as string, candidate: candidate as string };
  }

  /** The first time at free ports, afterwards at the same ones. */
  async start(name: Victim): Promise<void> {
    if (name === 'database') return this.startDatabase();
    if (name === 'broker') return this.kafka!.startAgain?.();
    const settings = {
      ...this.settings,
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
    const addresses = Object.entries(child.ready).filter(([, url]) => typeof url === 'string' && URL.canParse(url));
    this.ports.set(
      name,
      Object.fromEntries(addresses.map(([key, url]) => [portVariable(key), new URL(String(url)).port])),
    );
  }

  /** SIGKILL: nothing is saved, nobody is told. Resolves when it is gone. */
  async kill(name: Victim): Promise<void> {
    if (name === 'broker') return this.kafka!.crash?.();
    if (name !== 'database') return this.services.get(name)!.stop('SIGKILL');
    const { process: holder, ready } = this.database!;
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    process.kill(ready.serverPid, 'SIGKILL');
    await ended;
  }

  /** Lets it do nothing at all, its connections stay open. */
  halt(name: ChaosService): void {
    this.services.get(name)!.process.kill('SIGSTOP');
  }

  continue(name: ChaosService): void {
    this.services.get(name)!.process.kill('SIGCONT');
  }

  /** Services that have ended by themselves. */
  ended(): readonly ChaosService[] {
    return [...this.services].flatMap(([name, { process: child }]) =>
      child.exitCode === null && child.signalCode === null ? [] : [name],
    );
  }

  slow(delayMs: number): void {
    this.proxy!.delay(delayMs);
  }

  addressOf(name: ChaosService): string {
    return String(this.services.get(name)!.ready[SERVICES[name]]);
  }

  /** Where a router tells operators what is in force. */
  adminOf(name: ChaosService): string {
    return String(this.services.get(name)!.ready['routerAdmin']);
  }

  forkLoad(): ChildProcess {
    return this.fork('../bench/chaos/load');
  }

  /** What all upstreams have reported, once it has reached the bus. */
  async generations(): Promise<UpstreamTold> {
    const told = await Promise.all(
      [...this.upstreams.values()].map((child) => {
        const answer = said<UpstreamTold>(child);
        child.send('tell');
        return answer;
      }),
    );
    return {
      generations: told.flatMap(({ generations }) => generations),
      dropped: told.reduce((sum, { dropped }) => sum + dropped, 0),
    };
  }

  /** Ends all services in order; database and bus stay. */
  async endServices(): Promise<void> {
    for (const child of this.upstreams.values()) child.kill('SIGKILL');
    await Promise.all([...this.services.values()].map((child) => child.stop()));
    this.services.clear();
  }

  /** One analyzer on another database, with nothing else running. */
  startAnalyzer(databaseUrl: string): Promise<Child> {
    const settings = { ...this.onBus, DATABASE_URL: databaseUrl, DATA_DIR: this.dataDir, ANALYZER_PORT: '0' };
    return spawnApp('analyzer', { ...settings, LOG_FORMAT: 'text', LOG_LEVEL: 'warn' }, { timeoutMs: READY_WITHIN_MS });
  }

  async close(): Promise<void> {
    for (const child of this.services.values()) await child.stop('SIGKILL');
    for (const child of [...this.upstreams.values(), ...this.others]) child.kill('SIGKILL');
    await this.proxy?.close();
    await this.kafka?.stop();
    const holder = this.database?.process;
    if (!holder || holder.exitCode !== null || holder.signalCode !== null) return;
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.send('stop');
    await ended;
  }

  private fork(part: string, ...parameters: readonly string[]): ChildProcess {
    const file = fileURLToPath(new URL(`${part}${extname(import.meta.url)}`, import.meta.url));
    const child = fork(file, parameters, { serialization: 'advanced' });
    this.others.push(child);
    return child;
  }

  private async startDatabase(): Promise<void> {
    const child = this.fork('../bench/chaos/database', this.dataDir);
    this.others.pop();
    this.database = { process: child, ready: await said<DatabaseReady>(child) };
  }

  /** @throws Error where there is none that can be killed */
  private async startBroker(): Promise<void> {
    this.kafka = await startKafka({ onProgress: this.onLine });
    if (!this.kafka.crash)
      throw new Error(`${this.kafka.how} is no process of this run, which has to kill it: install Java and Maven`);
  }

  private async startUpstream(name: VariantName): Promise<string> {
    const settings = JSON.stringify({ ...this.settings, DATA_DIR: this.dataDir });
    const child = this.fork('./upstream', name, this.service, settings, JSON.stringify(VARIANTS[name]));
    this.upstreams.set(name, child);
    return (await said<UpstreamReady>(child)).url;
  }
}

/** `routerAdmin` is at ROUTER_ADMIN_PORT. */
function portVariable(key: string): string {
  return `${key.replace(/[A-Z]/g, '_$&').toUpperCase()}_PORT`;
}
