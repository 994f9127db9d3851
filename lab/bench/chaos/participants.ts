import type { Child } from '#apps/cli';
import { said } from '../parts.js';
import { type BusName, Processes, type StoreName } from './processes.js';

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
type ServiceName = keyof typeof SERVICES;
export type ParticipantName = StoreName | ServiceName;

/** On a machine that does much else. */
const READY_WITHIN_MS = 120_000;

/** Every process of the run. A service that ends by itself is started again. */
export class Participants extends Processes<ServiceName> {
  /** Those that the run ended itself. */
  private readonly killed = new WeakSet<Child>();
  /** Services that ended by themselves and are started again now. */
  private readonly returning = new Map<ServiceName, Promise<void>>();

  constructor(dataDir: string, bus: BusName, onLine: (line: string) => void) {
    super({ apps: SERVICES, bus, dataDir, onLine, readyWithinMs: READY_WITHIN_MS });
  }

  /** @returns addresses of the upstreams. */
  async startAll(): Promise<Readonly<Record<'control' | 'candidate', string>>> {
    const [control, candidate] = await Promise.all(['control', 'candidate'].map((name) => this.startUpstream(name)));
    await this.start('database');
    if (this.bus === 'broker') await this.start('broker');
    for (const name of Object.keys(SERVICES) as ServiceName[]) await this.start(name);
    return { control: control!, candidate: candidate! };
  }

  protected override async startService(name: ServiceName): Promise<Child> {
    const child = await super.startService(name);
    void child.ended.then((how) => this.supervise(name, child, how));
    return child;
  }

  protected override async killService(name: ServiceName): Promise<void> {
    await this.returning.get(name);
    this.killed.add(this.services.get(name)!);
    await super.killService(name);
  }

  /** As whoever runs them does: a service that ends by itself, since its client of the bus is beyond mending for example, starts again. */
  private supervise(name: ServiceName, child: Child, how: number | string): void {
    if (this.killed.has(child)) return;
    const { onLine } = this.options;
    onLine(`${name} ended with ${how} and is started again`);
    const back = this.start(name).catch((error: Error) => onLine(`${name} did not come back: ${error.message}`));
    this.returning.set(
      name,
      back.finally(() => this.returning.delete(name)),
    );
  }

  private async startUpstream(name: string): Promise<string> {
    return (await said<{ readonly url: string }>(this.fork(new URL('./upstream', import.meta.url), name))).url;
  }
}
