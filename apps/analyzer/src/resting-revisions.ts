export interface RestingOptions {
  readonly nowMs: () => number;
  /** After how long without a change a revision may rest. */
  readonly afterMs: number;
  /** Brings the evidence of a revision back from where it was saved. */
  readonly awaken: (key: string) => Promise<void>;
}

/**
 * Which revisions have their evidence in the tables alone, by `experimentKey`: what has ended, and drafts. Nothing comes for them any more as a rule;
 * what does come (an event, another policy) wakes them first, and finds the evidence as it was.
 */
export class RestingRevisions {
  private readonly changedAtMs = new Map<string, number>();
  private readonly waking = new Map<string, Promise<void>>();

  /** @param resting changed in place. */
  constructor(
    private readonly resting: Set<string>,
    private readonly options: RestingOptions,
  ) {}

  /** There is one at rest. */
  get isAny(): boolean {
    return this.resting.size > 0;
  }

  has(key: string): boolean {
    return this.resting.has(key);
  }

  /** Something of the revision, which is awake, has changed. */
  touch(key: string): void {
    this.changedAtMs.set(key, this.options.nowMs());
  }

  /** Those that are awake and have not changed for long enough. */
  unchanged(): readonly string[] {
    const untilMs = this.options.nowMs() - this.options.afterMs;
    return [...this.changedAtMs].flatMap(([key, atMs]) => (atMs <= untilMs ? [key] : []));
  }

  /** Its evidence is saved, and was dropped from memory. */
  lay(key: string): void {
    this.changedAtMs.delete(key);
    this.resting.add(key);
  }

  /** Resolves at once where it is awake; whoever asks meanwhile waits for the same. */
  async wake(key: string): Promise<void> {
    if (!this.resting.has(key)) return;
    const waking = this.waking.get(key) ?? this.wakeNow(key).finally(() => this.waking.delete(key));
    this.waking.set(key, waking);
    await waking;
  }

  private async wakeNow(key: string): Promise<void> {
    await this.options.awaken(key);
    this.resting.delete(key);
    this.touch(key);
  }
}
