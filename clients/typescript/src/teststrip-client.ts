import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { evaluateState, flagState, type FlagAnswer, type FlagAsker, type ServiceFlagState } from '#libs/assignment';
import { encodeAssignment, isNameless, LONGEST_UNIT } from '#libs/contracts';

/** A client asks for what is in force at least so often, beside being told of changes. */
const ASK_EVERY_MS = 5_000;
const TELL_EVERY_MS = 500;
/** In one message to the router, which takes 64 KiB: few units have many attributes. */
const MOST_AT_ONCE = 100;
/** While the router is away; what comes beyond is not counted. */
const MOST_WAITING = 10_000;
const PAUSE_MS = 1_000;

export interface TeststripClientOptions {
  /** Address of a router's public port. */
  readonly url: string;
  /** Hears what goes wrong; a client never throws while it is evaluated. */
  readonly onTrouble?: (message: string) => void;
  /** Milliseconds of a clock that never goes back; for tests. */
  readonly monotonicMs?: () => number;
}

/** What a flag says, and what to send along to the services that are then asked. */
export interface Evaluation extends FlagAnswer {
  /** Value of the header `teststrip-assignment`; undefined where nobody is drawn. */
  readonly header: string | undefined;
}

const NOTHING_SAID: Evaluation = { value: undefined, assignment: null, isExposure: false, header: undefined };

/** All clients that have no name to send would be one unit. */
function namesSomebody(unit: string): boolean {
  return unit.length <= LONGEST_UNIT && !isNameless(unit);
}

interface Exposure {
  readonly id: string;
  readonly service: string;
  readonly unit: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly variant: string;
  readonly epoch: number;
}

/**
 * Evaluates flags in this process: it follows what a router knows, draws as the router does, and tells it who has met which feature. Evaluating takes no request and never
 * waits. A router that is silent for longer than an experiment allows leaves control to everybody.
 */
export class TeststripClient {
  private services: ReadonlyMap<string, ServiceFlagState> = new Map();
  private etag = '';
  private heardAtMs = -Infinity;
  private waiting: Exposure[] = [];
  private asking: Promise<void> | undefined;
  private isAskedAgain = false;
  private telling: Promise<void> | undefined;
  private readonly closing = new AbortController();
  private readonly timers: NodeJS.Timeout[];
  private readonly monotonicMs: () => number;

  private constructor(private readonly options: TeststripClientOptions) {
    this.monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.timers = [
      setInterval(() => void this.ask(), ASK_EVERY_MS).unref(),
      setInterval(() => void this.tell(), TELL_EVERY_MS).unref(),
    ];
  }

  /** Resolves when it knows what is in force, or could not learn it: then every flag has the caller's default until it does. */
  static async start(options: TeststripClientOptions): Promise<TeststripClient> {
    const client = new TeststripClient(options);
    await client.ask();
    void client.listen();
    return client;
  }

  /** The flag of a service for one unit. A service that is not known says nothing, and to a unit that names nobody none does. */
  evaluate(service: string, asker: FlagAsker): Evaluation {
    const state = this.services.get(service);
    if (!state || !namesSomebody(asker.unit)) return NOTHING_SAID;
    const askedAt = asker.askedAt ?? new Date().toISOString();
    const answer = evaluateState(state, { ...asker, askedAt }, this.monotonicMs() - this.heardAtMs);
    this.note(service, asker, answer);
    return { ...answer, header: answer.assignment ? encodeAssignment(answer.assignment) : undefined };
  }

  /** Tells what was not told yet, and ends. */
  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.telling;
    await this.tell();
    this.closing.abort();
    await this.asking;
  }

  private note(service: string, { unit, attributes = {} }: FlagAsker, { assignment, isExposure }: FlagAnswer): void {
    if (!assignment || !isExposure || this.waiting.length >= MOST_WAITING) return;
    const { variant, epoch } = assignment;
    this.waiting.push({ id: randomUUID(), service, unit, attributes, variant, epoch });
    if (this.waiting.length >= MOST_AT_ONCE) void this.tell();
  }

  private ask(): Promise<void> {
    // What is being read may have been written before the change.
    this.isAskedAgain = this.asking !== undefined;
    this.asking ??= this.load()
      .catch((error: Error) => this.trouble(`what is in force can't be asked: ${error.message}`))
      .finally(() => {
        this.asking = undefined;
        if (this.isAskedAgain && !this.closing.signal.aborted) void this.ask();
      });
    return this.asking;
  }

  private async load(): Promise<void> {
    const signal = this.within(ASK_EVERY_MS);
    const response = await fetch(new URL('/v1/flags', this.options.url), {
      headers: { 'if-none-match': this.etag },
      signal,
    });
    if (response.status !== 304) {
      if (!response.ok) throw new Error(`the router answers ${response.status}`);
      const { services } = flagState.parse(await response.json());
      this.services = new Map(services.map((state) => [state.service, state]));
      this.etag = response.headers.get('etag') ?? '';
    }
    this.heardAtMs = this.monotonicMs();
  }

  /** Whatever the stream says, there is something new. */
  private async listen(): Promise<void> {
    while (!this.closing.signal.aborted) {
      try {
        const response = await fetch(new URL('/ofrep/v1/events', this.options.url), { signal: this.closing.signal });
        // It may have changed before anybody listened.
        void this.ask();
        for await (const chunk of response.body ?? []) {
          if (Buffer.from(chunk as Uint8Array).includes('data:')) void this.ask();
        }
      } catch (error) {
        this.trouble(`changes can't be heard: ${(error as Error).message}`);
      }
      await sleep(PAUSE_MS, undefined, { ref: false, signal: this.closing.signal }).catch(() => undefined);
    }
  }

  private tell(): Promise<void> {
    this.telling ??= this.send()
      .catch((error: Error) => this.trouble(`exposures can't be told: ${error.message}`))
      .finally(() => (this.telling = undefined));
    return this.telling;
  }

  private async send(): Promise<void> {
    while (this.waiting.length > 0) {
      const exposures = this.waiting.slice(0, MOST_AT_ONCE);
      const response = await fetch(new URL('/v1/flags/exposures', this.options.url), {
        method: 'POST',
        body: JSON.stringify({ exposures }),
        signal: this.within(ASK_EVERY_MS),
      });
      await response.text();
      if (response.status >= 500) throw new Error(`the router answers ${response.status}`);
      // What it can't read it can't read the next time either.
      if (!response.ok) this.trouble(`the router refuses exposures with ${response.status}`);
      this.waiting.splice(0, exposures.length);
    }
  }

  /** Its timer holds it: one of `AbortSignal.timeout` that only others know is collected by Node.js 20, and never comes. */
  private within(ms: number): AbortSignal {
    const late = new AbortController();
    const end = (): void => late.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError'));
    setTimeout(end, ms).unref();
    return AbortSignal.any([this.closing.signal, late.signal]);
  }

  private trouble(message: string): void {
    if (!this.closing.signal.aborted) this.options.onTrouble?.(message);
  }
}
