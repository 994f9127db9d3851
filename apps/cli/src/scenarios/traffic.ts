import { ASSIGNMENT_HEADER, decodeAssignment, UNIT_HEADER } from '#libs/contracts';
import { formatScene, hashText, randomScene, seededRandom } from '#libs/scenes';
import { Pool } from 'undici';

export interface TrafficOptions {
  readonly routerUrl: string;
  readonly service: string;
  readonly seed: number;
  /** Most requests under way at once. */
  readonly concurrency: number;
  /** Share of prompts with one object only, 0–1, asked before every request: the mix may drift. */
  readonly singleObjectShare: () => number;
  /** Most requests per second. Default: as many as the machine can serve. */
  readonly perSecond?: number | undefined;
  /** Every so many requests the same prompts and seeds are asked for again. Default: never. */
  readonly differentPictures?: number | undefined;
}

export interface TrafficCounts {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  /** Answers by variant, as the router's assignment header tells them. */
  readonly byVariant: Readonly<Record<string, number>>;
}

/** Typical answer time, milliseconds, above which fewer requests are sent at once: a healthy answer takes half as long. */
const LONGEST_TYPICAL_MS = 160;
const FEWEST_UNDER_WAY = 8;
/** A timer of the event loop may be so late on a busy machine. */
const LATE_TIMER_MS = 20;
/** Answers between two adjustments. */
const ADJUST_EVERY = 32;

/**
 * People who ask for pictures: a closed loop. Who asks for what follows from the seed. One request in six comes from somebody who
 * was there before.
 *
 * As many requests are under way as the machine can serve without queueing (additive increase, multiplicative decrease, Chiu & Jain
 * 1989): on an overloaded machine latency would measure which process the scheduler happened to starve, not the variant.
 */
export class StoryTraffic {
  private readonly pool: Pool;
  private readonly random;
  private readonly counts = { sent: 0, answered: 0, failed: 0, byVariant: {} as Record<string, number> };
  private running = 0;
  private allowed = FEWEST_UNDER_WAY;
  private typicalMs = 0;
  private limit = 0;
  private paused = false;
  private wake: (() => void) | undefined;
  /** When the next request is due where there is a pace, and the timer that waits for it. */
  private nextAt = 0;
  private waiting: NodeJS.Timeout | undefined;

  constructor(private readonly options: TrafficOptions) {
    this.pool = new Pool(options.routerUrl, { connections: options.concurrency, pipelining: 1 });
    this.random = seededRandom(hashText(options.service, options.seed), options.seed);
  }

  get totals(): TrafficCounts {
    return { ...this.counts, byVariant: { ...this.counts.byVariant } };
  }

  /** Stops new requests while the services behind catch up; `resume` goes on. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.fill();
  }

  /** Sends `requests` more and resolves when they are answered. */
  async send(requests: number): Promise<void> {
    this.limit = this.counts.sent + requests;
    this.fill();
    while (this.running > 0 || (this.counts.sent < this.limit && !this.closed)) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Lets `send` end after the requests under way. */
  stop(): void {
    this.limit = this.counts.sent;
    this.wake?.();
  }

  private closed = false;

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.waiting);
    this.stop();
    await this.pool.destroy();
  }

  private fill(): void {
    while (!this.paused && !this.closed && this.running < this.allowed && this.counts.sent < this.limit) {
      if (!this.isDue()) return;
      this.running += 1;
      this.counts.sent += 1;
      const startedAt = performance.now();
      void this.request(this.counts.sent).finally(() => {
        this.running -= 1;
        this.adjust(performance.now() - startedAt);
        this.fill();
        if (this.running === 0) this.wake?.();
      });
    }
  }

  /** Whether the pace allows a request now; if not, `fill` goes on when it does. */
  private isDue(): boolean {
    const { perSecond } = this.options;
    if (perSecond === undefined) return true;
    const now = performance.now();
    if (now < this.nextAt) {
      this.waiting ??= setTimeout(() => {
        this.waiting = undefined;
        this.fill();
      }, this.nextAt - now);
      return false;
    }
    // What was missed, while the traffic was held back or the timer was late, is not made up for in a burst.
    this.nextAt = Math.max(this.nextAt, now - LATE_TIMER_MS) + 1_000 / perSecond;
    return true;
  }

  private adjust(tookMs: number): void {
    const { answered, failed } = this.counts;
    this.typicalMs += (tookMs - this.typicalMs) / Math.min(answered + failed, 2 * ADJUST_EVERY);
    if ((answered + failed) % ADJUST_EVERY !== 0) return;
    this.allowed =
      this.typicalMs > LONGEST_TYPICAL_MS
        ? Math.max(FEWEST_UNDER_WAY, Math.floor(this.allowed * 0.85))
        : Math.min(this.options.concurrency, this.allowed + 2);
  }

  private async request(number: number): Promise<void> {
    const { random } = this;
    const person = random.uniform() < 1 / 6 ? random.index(number) : number;
    const body = JSON.stringify(this.picture(number));
    try {
      const response = await this.pool.request({
        method: 'POST',
        path: `/v1/services/${this.options.service}/generations`,
        headers: { 'content-type': 'application/json', [UNIT_HEADER]: `${this.options.seed}-${person}` },
        body,
      });
      this.count(response.headers[ASSIGNMENT_HEADER]);
      await response.body.dump();
      if (response.statusCode < 400) this.counts.answered += 1;
      else this.counts.failed += 1;
    } catch {
      this.counts.failed += 1;
    }
  }

  private picture(number: number): { prompt: string; seed: number } {
    const { differentPictures, seed } = this.options;
    const random = differentPictures ? seededRandom(number % differentPictures, seed) : this.random;
    const scene = randomScene(random, { singleShare: this.options.singleObjectShare() });
    return { prompt: formatScene(scene), seed: random.index(0x7fff_ffff) };
  }

  private count(header: string | string[] | undefined): void {
    if (typeof header !== 'string') return;
    const { variant } = decodeAssignment(header);
    this.counts.byVariant[variant] = (this.counts.byVariant[variant] ?? 0) + 1;
  }
}
