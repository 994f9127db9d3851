import { setTimeout } from 'node:timers/promises';
import { answerSignal, isListedHost } from '#libs/platform';
import { unavailable, type FetchContext, type FetchedPicture } from './fetched-picture.js';
import { HttpAttempts, type HttpAnswer, type HttpSource } from './http-attempts.js';
import { PictureHost, type HostLimits } from './picture-host.js';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;
/** Hosts that are remembered; the one that was asked longest ago is forgotten. */
const MOST_HOSTS = 1_000;

export interface HttpPictureOptions extends HostLimits {
  /**
   * `host`, `host:port` or `*.domain`; without a port the scheme's own one. A host named in full may have a private address
   * (an object store in the same cluster), also where it redirects to itself; one that only matches a `*.domain` may not, nor may another target of
   * a redirect.
   */
  readonly hosts: readonly string[];
  readonly maxBytes: number;
}

/** How a host does, for metrics. */
export interface HostCondition {
  readonly host: string;
  readonly state: PictureHost['state'];
  readonly inside: number;
  readonly waiting: number;
}

/** Fetches `http:` and `https:` pictures from allow-listed hosts, each with a budget of its own, and tries again what may come yet. */
export class HttpPictures {
  private readonly attempts: HttpAttempts;
  private readonly hosts = new Map<string, PictureHost>();

  constructor(private readonly options: HttpPictureOptions) {
    this.attempts = new HttpAttempts(options.maxBytes);
  }

  /** From the list of allowed hosts. */
  async fetch(url: URL, context: FetchContext = {}): Promise<FetchedPicture> {
    const { hosts } = this.options;
    const named = hosts.filter((entry) => !entry.startsWith('*.'));
    return this.fetchFrom(
      {
        url,
        shown: url.href,
        permission: ({ href }) => {
          if (!isListedHost(href, hosts)) return 'refused';
          return isListedHost(href, named) ? 'any-address' : 'public-address';
        },
        listed: hosts.join(', ') || 'none',
      },
      context,
    );
  }

  /** From where `source` allows. */
  async fetchFrom(source: HttpSource, context: FetchContext): Promise<FetchedPicture> {
    if (source.permission(source.url) === 'refused') return this.attempts.foreign(source, source.url);
    const host = this.hostOf(source.url.host);
    let untilMs: number | undefined;
    let last: FetchedPicture | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const entry = await host.enter(attempt > 1, context.signal);
      if (entry === 'given-up') return this.turnedAway(host, source);
      let answer: HttpAnswer;
      try {
        await context.room?.take();
        // What waits for other pictures or for room is not late by that.
        untilMs ??= performance.now() + this.options.deadlineMs;
        if (last !== undefined && performance.now() >= untilMs) return last;
        answer = await this.ask(source, host, context.signal);
      } finally {
        host.leave();
      }
      if (answer.kind === 'final' || (answer.kind === 'early' && !this.isYoung(context))) return answer.picture;
      // Others need not wait while it is waited for.
      context.room?.free();
      last = answer.picture;
      const pauseMs = Math.max(Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS), answer.afterMs ?? 0);
      if (performance.now() + pauseMs >= untilMs) return last;
      await setTimeout(pauseMs, undefined, context.signal && { signal: context.signal });
    }
  }

  conditions(): readonly HostCondition[] {
    return [...this.hosts.values()].map((host) => ({ host: host.name, state: host.state, ...host.load }));
  }

  async close(): Promise<void> {
    await this.attempts.close();
  }

  private async ask(source: HttpSource, host: PictureHost, signal?: AbortSignal): Promise<HttpAnswer> {
    const startedMs = performance.now();
    const timeout = answerSignal(this.options.timeoutMs);
    const answer = await this.attempts.get(source, signal ? AbortSignal.any([timeout, signal]) : timeout);
    signal?.throwIfAborted();
    const tookMs = performance.now() - startedMs;
    if (answer.kind === 'failed') host.failed(reasonOf(answer.picture), tookMs);
    else host.answered();
    return answer;
  }

  private turnedAway(host: PictureHost, source: HttpSource): FetchedPicture {
    host.tryNow(() => this.ask(source, host));
    return unavailable(`"${source.shown}" is not asked for: ${host.reason}`);
  }

  /** What is not there may be on its way still. */
  private isYoung({ madeAtMs }: FetchContext): boolean {
    return madeAtMs !== undefined && Date.now() - madeAtMs < this.options.deadlineMs;
  }

  private hostOf(name: string): PictureHost {
    const host = this.hosts.get(name) ?? new PictureHost(name, this.options);
    // Set again, it becomes the youngest of the map.
    this.hosts.delete(name);
    this.hosts.set(name, host);
    if (this.hosts.size > MOST_HOSTS) this.hosts.delete(this.hosts.keys().next().value as string);
    return host;
  }
}

function reasonOf(picture: FetchedPicture): string {
  return picture.outcome === 'fetched' ? '' : picture.reason;
}
