/** Items of the first batch, before it is known how fast the model is. */
const FIRST_BATCH = 8;
/** A batch that takes longer makes the next ones smaller: results come in small portions where the model is slow, and none of them blocks for long. */
const BATCH_AT_MOST_MS = 2_500;
/** How long a batch waits for items that are on their way while the engine has nothing to do. */
const LINGER_MS = 5;
/** One is computed, and one that is full waits in the engine's queue, so that it has work at any moment. */
const MOST_UNDER_WAY = 2;

export interface GathererOptions<Item, Row> {
  /** Largest batch. */
  readonly most: number;
  /** Rows in the order of the items. */
  compute(items: readonly Item[]): Promise<readonly Row[]>;
  /** Whether more items are about to come: a smaller batch waits for them a moment. */
  moreComing(): boolean;
  /** Whether a batch may have failed because of one of its items: then it is done again in halves, so that the one fails alone. */
  mayBeItems(error: unknown): boolean;
  /** Milliseconds, from any origin. */
  nowMs?(): number;
}

interface Waiting<Item, Row> {
  readonly item: Item;
  resolve(row: Row): void;
  reject(error: unknown): void;
}

/** Makes batches of items that come one by one: what arrives while one batch is computed is the next one. */
export class Gatherer<Item, Row> {
  private readonly waiting: Waiting<Item, Row>[] = [];
  private underWay = 0;
  private most: number;
  private lastEndMs = 0;
  private isScheduled = false;

  constructor(private readonly options: GathererOptions<Item, Row>) {
    this.most = Math.min(FIRST_BATCH, options.most);
  }

  /** Items that wait or are computed. */
  get load(): number {
    return this.waiting.length + this.computing;
  }

  private computing = 0;

  add(item: Item): Promise<Row> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.go();
    });
  }

  private go(): void {
    while (this.waiting.length >= this.most && this.underWay < MOST_UNDER_WAY) this.send();
    if (this.waiting.length === 0 || this.underWay > 0 || this.isScheduled) return;
    this.isScheduled = true;
    const send = (): void => {
      this.isScheduled = false;
      if (this.waiting.length > 0 && this.underWay === 0) this.send();
    };
    // What was added together comes together.
    if (this.options.moreComing()) setTimeout(send, LINGER_MS);
    else setImmediate(send);
  }

  private send(): void {
    const batch = this.waiting.splice(0, this.most);
    this.underWay += 1;
    this.computing += batch.length;
    const startedMs = this.nowMs();
    void this.settle(batch).finally(() => {
      this.underWay -= 1;
      this.computing -= batch.length;
      const endMs = this.nowMs();
      // Not counting its time behind the one before.
      this.adapt(batch.length, endMs - Math.max(startedMs, this.lastEndMs));
      this.lastEndMs = endMs;
      this.go();
    });
  }

  private async settle(batch: readonly Waiting<Item, Row>[]): Promise<void> {
    try {
      const rows = await this.options.compute(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(rows[index]!));
    } catch (error) {
      if (batch.length === 1 || !this.options.mayBeItems(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const middle = Math.ceil(batch.length / 2);
      await this.settle(batch.slice(0, middle));
      await this.settle(batch.slice(middle));
    }
  }

  private adapt(items: number, tookMs: number): void {
    if (tookMs > BATCH_AT_MOST_MS) this.most = Math.max(1, Math.floor(this.most / 2));
    else if (items === this.most && tookMs < BATCH_AT_MOST_MS / 3)
      this.most = Math.min(this.options.most, 2 * this.most);
  }

  private nowMs(): number {
    return this.options.nowMs?.() ?? performance.now();
  }
}
