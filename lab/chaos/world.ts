import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { spawnApp, type Child } from '#apps/cli';
import type { StartKafkaOptions } from '#libs/messaging';
import { openDatabase } from '#libs/persistence';
import { type BusName, Processes, type StoreName } from '../bench/chaos/processes.js';
import { nowMs, said } from '../bench/parts.js';
import { startTcpProxy, type TcpProxy } from '../bench/tcp-proxy.js';
import type { Clocks } from './clocks.js';
import { SERVICES, type ChaosService } from './faults.js';
import type { SmallDisk } from './small-disk.js';
import type { UpstreamReady, UpstreamTold } from './upstream.js';

export const VARIANTS = {
  control: { checkpoint: 'c', sampler: 's', steps: 20, precision: 'fp16' },
  candidate: { checkpoint: 'c', sampler: 's', steps: 20, precision: 'int8' },
} as const;
export type VariantName = keyof typeof VARIANTS;

/** On a machine that does much else. */
const READY_WITHIN_MS = 180_000;
/** For as long it is waited that a database comes back by itself. */
const BACK_WITHIN_MS = 30_000;

export interface WorldOptions {
  readonly bus: BusName;
  readonly dataDir: string;
  readonly onLine: (line: string) => void;
  /** Undefined: everybody goes by the machine's clock. */
  readonly clocks?: Clocks | undefined;
  /** On which `dataDir` lies. Undefined: the machine's. */
  readonly disk?: SmallDisk | undefined;
}

/** Every process of the run, and the ways to database and broker. */
export class World extends Processes<ChaosService> {
  private readonly upstreams = new Map<VariantName, ChildProcess>();
  private readonly ways = new Map<StoreName, TcpProxy>();

  /** @param ownSettings of all services */
  constructor(
    private readonly service: string,
    private readonly means: WorldOptions,
    private readonly ownSettings: Readonly<Record<string, string>> = {},
  ) {
    const { bus, dataDir, onLine } = means;
    super({ apps: SERVICES, bus, dataDir, onLine, readyWithinMs: READY_WITHIN_MS });
  }

  /** Over the slow way to the database. */
  override get settings(): Readonly<Record<string, string>> {
    const url = new URL(this.databaseUrl);
    url.port = String(this.ways.get('database')!.port);
    return { ...this.onBus, ...this.ownSettings, DATABASE_URL: url.href };
  }

  /** @returns addresses of the upstreams. */
  async startAll(): Promise<Readonly<Record<VariantName, string>>> {
    await this.start('database');
    if (this.bus === 'broker') await this.start('broker');
    const { hostname, port } = new URL(this.databaseUrl);
    this.ways.set('database', await startTcpProxy({ host: hostname, port: Number(port) }));
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

  slow(wayTo: StoreName, delayMs: number): void {
    this.ways.get(wayTo)!.delay(delayMs);
  }

  /** @param aheadMs of the right time; negative: behind */
  async setClock(name: ChaosService, aheadMs: number): Promise<void> {
    await this.means.clocks!.set(name, aheadMs);
  }

  async fillDisk(): Promise<void> {
    await this.means.disk!.fill();
  }

  /** Database and broker may end on a disk that is full: whichever does not come back by itself is started again. @returns these */
  async freeDisk(): Promise<readonly StoreName[]> {
    await this.means.disk!.free();
    const started: StoreName[] = [];
    if (this.isBrokerGone) started.push('broker');
    if (!(await this.isDatabaseBack())) {
      await this.kill('database');
      started.push('database');
    }
    for (const name of started) await this.start(name);
    return started;
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
    const settings = { ...this.onBus, DATABASE_URL: databaseUrl, DATA_DIR: this.options.dataDir, ANALYZER_PORT: '0' };
    return spawnApp('analyzer', { ...settings, LOG_FORMAT: 'text', LOG_LEVEL: 'warn' }, { timeoutMs: READY_WITHIN_MS });
  }

  override async close(): Promise<void> {
    await super.close();
    for (const way of this.ways.values()) await way.close();
  }

  protected override get brokerOptions(): StartKafkaOptions {
    return {
      ...(this.means.disk ? { dataDir: this.means.dataDir } : {}),
      reachedAt: async (port) => {
        const way = await startTcpProxy({ host: '127.0.0.1', port });
        this.ways.set('broker', way);
        return way.port;
      },
    };
  }

  protected override async ownSettingsOf(name: ChaosService): Promise<Readonly<Record<string, string>>> {
    return (await this.means.clocks?.settingsOf(name)) ?? {};
  }

  private async isDatabaseBack(): Promise<boolean> {
    const database = await openDatabase({ url: this.databaseUrl });
    try {
      for (const deadlineMs = nowMs() + BACK_WITHIN_MS; nowMs() < deadlineMs; await pause(200)) {
        const isBack = await database.query('select pg_current_wal_lsn()').then(
          () => true,
          () => false,
        );
        if (isBack) return true;
      }
      return false;
    } finally {
      await database.close();
    }
  }

  private async startUpstream(name: VariantName): Promise<string> {
    const settings = JSON.stringify({ ...this.settings, DATA_DIR: this.options.dataDir });
    const child = this.fork(
      new URL('./upstream', import.meta.url),
      name,
      this.service,
      settings,
      JSON.stringify(VARIANTS[name]),
    );
    this.upstreams.set(name, child);
    return (await said<UpstreamReady>(child)).url;
  }
}
