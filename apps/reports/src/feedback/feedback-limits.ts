import { clientNetwork, ProblemException } from '#libs/platform';

/** Nobody has more to say of the pictures of one request within an hour; repeats under one key count as well. */
const MOST_PER_REQUEST = 50;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Counters that are kept of each kind; more are made up, and all begin anew. */
const MOST_COUNTERS = 100_000;

interface Counter {
  readonly sinceMs: number;
  count: number;
}

/** How often feedback is taken: from one client, and about one request. */
export class FeedbackLimits {
  private readonly byClient = new Map<string, Counter>();
  private readonly byRequest = new Map<string, Counter>();

  /** @param perMinute how often from one client */
  constructor(
    private readonly perMinute: number,
    private readonly nowMs: () => number,
  ) {}

  /** @throws ProblemException 429 */
  refuseClient(address: string): void {
    const client = clientNetwork(address);
    if (this.count(this.byClient, client, MINUTE_MS) > this.perMinute)
      throw tooOften(`${client} has given feedback ${this.perMinute} times within a minute`);
  }

  /** @throws ProblemException 429 */
  refuseRequest(requestId: string): void {
    if (this.count(this.byRequest, requestId, HOUR_MS) > MOST_PER_REQUEST)
      throw tooOften(`feedback about this request was given ${MOST_PER_REQUEST} times within an hour`);
  }

  private count(counters: Map<string, Counter>, key: string, windowMs: number): number {
    const nowMs = this.nowMs();
    const known = counters.get(key);
    if (known && nowMs - known.sinceMs < windowMs) return (known.count += 1);
    if (counters.size >= MOST_COUNTERS) counters.clear();
    counters.set(key, { sinceMs: nowMs, count: 1 });
    return 1;
  }
}

function tooOften(what: string): ProblemException {
  return new ProblemException({ title: 'Too much feedback', status: 429, detail: `${what}: try again later` });
}
