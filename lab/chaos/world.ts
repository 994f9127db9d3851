import type { ChildProcess } from 'node:child_process';
import { spawnApp, type Child } from '#apps/cli';
import { type BusName, Processes } from '../bench/chaos/processes.js';
import { said } from '../bench/parts.js';
import { startTcpProxy, type TcpProxy } from '../bench/tcp-proxy.js';
import { SERVICES, type ChaosService } from './faults.js';
import type { UpstreamReady, UpstreamTold } from './upstream.js';

export const VARIANTS = {
  control: { checkpoint: 'c', sampler: 's', steps: 20, precision: 'fp16' },
  candidate: { checkpoint: 'c', sampler: 's', steps: 20, precision: 'int8' },
} as const;
export type VariantName = keyof typeof VARIANTS;

/** On a machine that does much else. */
const READY_WITHIN_MS = 180_000;

/** Every process of the run, and the way to the database. */
export class World extends Processes<ChaosService> {
  private readonly upstreams = new Map<VariantName, ChildProcess>();
  private proxy: TcpProxy | undefined;

  /** @param ownSettings of all services */
  constructor(
    private readonly service: string,
    {
      bus,
      dataDir,
      onLine,
    }: { readonly bus: BusName; readonly dataDir: string; readonly onLine: (line: string) => void },
    private readonly ownSettings: Readonly<Record<string, string>> = {},
  ) {
    super({ apps: SERVICES, bus, dataDir, onLine, readyWithinMs: READY_WITHIN_MS });
  }

  /** Over the slow way to the database. */
  override get settings(): Readonly<Record<string, string>> {
    const url = new URL(this.databaseUrl);
    url.port = String(this.proxy!.port);
    return { ...this.onBus, ...this.ownSettings, DATABASE_URL: url.href };
  }

  /** @returns addresses of the upstreams. */
  async startAll(): Promise<Readonly<Record<VariantName, string>>> {
    await this.start('database');
    if (this.bus === 'broker') await this.start('broker');
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
    await this.proxy?.close();
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
