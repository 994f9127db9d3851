import { LruCache } from './lru-cache.js';

/**
 * Reads what is asked for by a key once, however many ask at the same time, and keeps what was seen, the most recent of it. What could not be
 * read, which says its `outcome`, is not kept.
 */
export class SharedReads<Seen extends object, Fault extends { readonly outcome: string }> {
  private readonly seen: LruCache<Seen>;
  private readonly underWay = new Map<string, Promise<Seen | Fault>>();

  /** @param capacity entries that are kept */
  constructor(capacity: number) {
    this.seen = new LruCache(capacity);
  }

  read(key: string, readNew: () => Promise<Seen | Fault>): Promise<Seen | Fault> {
    const seen = this.seen.get(key);
    if (seen !== undefined) return Promise.resolve(seen);
    const running = this.underWay.get(key);
    if (running !== undefined) return running;
    const reading = this.keep(key, readNew()).finally(() => this.underWay.delete(key));
    this.underWay.set(key, reading);
    return reading;
  }

  private async keep(key: string, reading: Promise<Seen | Fault>): Promise<Seen | Fault> {
    const found = await reading;
    if (!('outcome' in found)) this.seen.set(key, found);
    return found;
  }
}
