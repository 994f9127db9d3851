/** Failures in a row after which a host is asked by one picture at a time, until it answers. */
const OPENS_AFTER = 5;
/** How often a host that was given up is tried. */
const TRY_EVERY_MS = 5_000;

export interface HostLimits {
  /** Pictures asked of one host at the same time. */
  readonly atATime: number;
  /** For one attempt, milliseconds. */
  readonly timeoutMs: number;
  /** So long a picture is tried for, and a host that answers nothing is believed in; milliseconds. */
  readonly deadlineMs: number;
}

/** `given-up`: the host has answered nothing for the deadline. */
export type HostEntry = 'entered' | 'given-up';

interface WaitingPicture {
  go(entry: HostEntry): void;
}

/**
 * A host that pictures come from, with a budget of its own: however slow it is, it takes nothing from others. After some failures in a row it is
 * asked by one picture at a time; when it has failed for the deadline it is given up: its pictures are turned away at once, and one of them is
 * tried now and then, with nobody waiting, until it answers.
 */
export class PictureHost {
  private readonly waiting: WaitingPicture[] = [];
  private inside = 0;
  private failures = 0;
  private failingSinceMs = 0;
  private lastFailure = '';
  private trying = false;
  private nextTryMs = 0;

  constructor(
    readonly name: string,
    private readonly limits: HostLimits,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** `working`, `failing` (asked by one picture at a time) or `given-up`. */
  get state(): 'working' | 'failing' | 'given-up' {
    if (this.failures < OPENS_AFTER) return 'working';
    return this.nowMs() - this.failingSinceMs < this.limits.deadlineMs ? 'failing' : 'given-up';
  }

  get load(): { readonly inside: number; readonly waiting: number } {
    return { inside: this.inside, waiting: this.waiting.length };
  }

  /** Why nobody is let in. */
  get reason(): string {
    const seconds = Math.round((this.nowMs() - this.failingSinceMs) / 1000);
    return `host "${this.name}" has answered nothing for ${seconds} s (${this.lastFailure}); it is asked again every ${TRY_EVERY_MS / 1000} s`;
  }

  /**
   * Waits for a place; who entered must {@link leave}.
   * @param isAgain the picture has been inside before: it goes to the front
   * @throws the signal's reason
   */
  async enter(isAgain: boolean, signal?: AbortSignal): Promise<HostEntry> {
    signal?.throwIfAborted();
    if (this.state === 'given-up') return 'given-up';
    if (this.inside < this.places) {
      this.inside += 1;
      return 'entered';
    }
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.waiting.splice(this.waiting.indexOf(picture), 1);
        reject(signal!.reason as Error);
      };
      const go = (entry: HostEntry): void => {
        signal?.removeEventListener('abort', aborted);
        resolve(entry);
      };
      const picture = { go };
      signal?.addEventListener('abort', aborted, { once: true });
      if (isAgain) this.waiting.unshift(picture);
      else this.waiting.push(picture);
    });
  }

  leave(): void {
    this.inside -= 1;
    this.letIn();
  }

  /** It answered, whatever it said. */
  answered(): void {
    this.failures = 0;
  }

  failed(reason: string, tookMs: number): void {
    if (this.failures === 0) this.failingSinceMs = this.nowMs() - tookMs;
    this.failures += 1;
    this.lastFailure = reason;
    if (this.state === 'given-up') for (const { go } of this.waiting.splice(0)) go('given-up');
  }

  /** Runs `attempt` in the background where it is time to; it tells `answered` or `failed`. */
  tryNow(attempt: () => Promise<unknown>): void {
    if (this.trying || this.nowMs() < this.nextTryMs) return;
    this.trying = true;
    this.nextTryMs = this.nowMs() + TRY_EVERY_MS;
    void attempt()
      .catch(() => undefined)
      .finally(() => (this.trying = false));
  }

  private get places(): number {
    return this.state === 'working' ? this.limits.atATime : 1;
  }

  private letIn(): void {
    while (this.inside < this.places && this.waiting.length > 0) {
      const { go } = this.waiting.shift()!;
      this.inside += 1;
      go('entered');
    }
  }
}
