/** When an upstream that does not answer is left alone for a moment. */
export interface EjectionLimits {
  /** Failures in a row, without any answer between them, after which it is left alone. */
  readonly failures: number;
  /** How long it is left alone at first; doubled each time it fails again, up to `longestMs`. */
  readonly forMs: number;
  readonly longestMs: number;
}

/** While it is left alone, so many failures a second are counted against it, no more: a moment without it is one incident, not thousands. */
const COUNTED_PER_SECOND = 10;

/**
 * What the answers of one upstream tell of it, without asking it anything. Any answer is a sign of life, an error too; no connection and no
 * answer in time are none.
 */
export class PassiveHealth {
  private failuresInRow = 0;
  private pauseMs = 0;
  private pausedUntilMs = 0;
  private countingSinceMs = 0;
  private counted = 0;

  constructor(
    private readonly limits: EjectionLimits,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  get isEjected(): boolean {
    return this.pauseMs > 0;
  }

  /** Whether it may be asked now. After its pause one request tries it, and the rest goes on without it for another one. */
  mayTry(): boolean {
    if (this.pauseMs === 0) return true;
    const nowMs = this.nowMs();
    if (nowMs < this.pausedUntilMs) return false;
    this.pausedUntilMs = nowMs + this.pauseMs;
    return true;
  }

  answered(): void {
    this.failuresInRow = 0;
    this.pauseMs = 0;
  }

  failed(): void {
    this.failuresInRow += 1;
    if (this.failuresInRow < this.limits.failures) return;
    this.pauseMs = this.pauseMs === 0 ? this.limits.forMs : Math.min(this.pauseMs * 2, this.limits.longestMs);
    this.pausedUntilMs = this.nowMs() + this.pauseMs;
  }

  /** Whether a request that went on without it counts as its failure. */
  countsFailure(): boolean {
    const nowMs = this.nowMs();
    if (nowMs - this.countingSinceMs >= 1_000) {
      this.countingSinceMs = nowMs;
      this.counted = 0;
    }
    this.counted += 1;
    return this.counted <= COUNTED_PER_SECOND;
  }
}
