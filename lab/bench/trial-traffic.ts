import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';

/** Of the requests so many go to the canary that fails; the others to one that does not, whose evidence is weighed as well. */
const ON_TRIAL = 0.2;
const TICK_MS = 5;
const ROLLED_BACK_WITHIN_MS = 60_000;

/** Requests at a fixed rate, when they are due, whether earlier ones are answered or not: to a service on trial and, most of them, to one that is well. */
export class TrialTraffic {
  private readonly pool: Pool;
  private sent = 0;

  constructor(
    routerUrl: string,
    private readonly perSecond: number,
  ) {
    this.pool = new Pool(new URL(routerUrl).origin, { connections: 64 });
  }

  async until(service: string, isOver: () => boolean): Promise<void> {
    const [startedAtMs, before] = [performance.now(), this.sent];
    while (!isOver()) {
      const forMs = performance.now() - startedAtMs;
      if (forMs > ROLLED_BACK_WITHIN_MS) throw new Error(`${service} was not rolled back within a minute`);
      while (this.sent - before < (forMs * this.perSecond) / 1_000) {
        this.sent += 1;
        this.ask((this.sent * ON_TRIAL) % 1 < ON_TRIAL ? service : 'steady');
      }
      await pause(TICK_MS);
    }
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private ask(service: string): void {
    this.pool
      .request({
        method: 'POST',
        path: `/v1/services/${service}/generations`,
        headers: { 'content-type': 'application/json', 'teststrip-unit': `user-${this.sent}` },
        body: '{}',
      })
      .then(({ body }) => body.dump())
      .catch(() => undefined);
  }
}
