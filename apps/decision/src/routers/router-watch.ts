import { topics, type RouterHeartbeat } from '#libs/contracts';
import type { LiveRouter, OpenOfVariants } from '#libs/delivery';
import { LogFollower, type BusClient } from '#libs/messaging';
import type { Clock } from '#libs/platform';

/** A router that has been silent for longer is dead, or cut off and serves control by itself: no order waits for it. */
const LIVE_FOR_MS = 5_000;

/** More than there are of anything that routes: names beyond it are made up, and no order waits for them. */
const MOST_ROUTERS = 1_000;

/** Which routers are alive, and how far each follows, as this process hears it. */
export class RouterWatch {
  private readonly heard = new Map<string, { readonly atMs: number; readonly last: RouterHeartbeat }>();
  private readonly feed: LogFollower;

  constructor(
    bus: BusClient,
    controller: string,
    private readonly clock: Clock,
    onTrouble: (message: string) => void,
  ) {
    this.feed = new LogFollower({
      bus,
      name: 'decision-routers',
      member: controller,
      compacted: [],
      live: [topics.routerHeartbeat.name],
      attemptMs: 5_000,
      onEvent: (event) => {
        if (event.type === 'router.heartbeat.v1') this.take(event.data);
      },
      onTrouble,
    });
  }

  async start(): Promise<void> {
    await this.feed.start();
  }

  async close(): Promise<void> {
    await this.feed.close();
  }

  /** The routers that are alive, each with the epoch of the service that it obeys. */
  liveOn(service: string): readonly LiveRouter[] {
    this.forgetSilent();
    return [...this.heard].map(([router, { last }]) => ({ router, epoch: last.services[service] ?? 0 }));
  }

  /** Requests of an experiment's variants that have no end yet, at all routers together; undefined where no router has told of any. */
  underWayOf(experiment: string, revision: number): OpenOfVariants | undefined {
    this.forgetSilent();
    const sum = new Map<string, number[]>();
    for (const { last } of this.heard.values())
      for (const of of last.underWay ?? []) {
        if (of.experiment !== experiment || of.revision !== revision) continue;
        const before = sum.get(of.variant) ?? [];
        sum.set(
          of.variant,
          of.longerThan.map((requests, index) => requests + (before[index] ?? 0)),
        );
      }
    return sum.size === 0 ? undefined : Object.fromEntries(sum);
  }

  /** Routers at which somebody has sent the service to its baseline by hand. */
  brokenOn(service: string): readonly string[] {
    this.forgetSilent();
    return [...this.heard].filter(([, { last }]) => last.brokenGlass.includes(service)).map(([router]) => router);
  }

  private forgetSilent(): void {
    const sinceMs = this.clock.nowMs() - LIVE_FOR_MS;
    for (const [router, { atMs }] of this.heard) if (atMs < sinceMs) this.heard.delete(router);
  }

  private hasRoomFor(router: string): boolean {
    if (this.heard.has(router) || this.heard.size < MOST_ROUTERS) return true;
    this.forgetSilent();
    return this.heard.size < MOST_ROUTERS;
  }

  private take(last: RouterHeartbeat): void {
    if (last.leaving) this.heard.delete(last.router);
    else if (this.hasRoomFor(last.router)) this.heard.set(last.router, { atMs: this.clock.nowMs(), last });
  }
}
