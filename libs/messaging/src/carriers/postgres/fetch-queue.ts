import type { Queryable } from '#libs/persistence';
import type { IncomingRecord } from '../../event-bus.js';
import { fetchRecords, type FetchRequest } from './fetch-records.js';

/** Most records per partition and read. */
export const MOST_PER_FETCH = 500;

interface Waiting {
  readonly request: FetchRequest;
  readonly resolve: (records: readonly IncomingRecord[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Most partitions per statement: bounds what is in memory at once. */
const MOST_PARTITIONS = 16;

/** Gathers reads of different partitions into one statement; one runs at a time. */
export class FetchQueue {
  private waiting: Waiting[] = [];
  private running = false;

  constructor(private readonly queryable: Queryable) {}

  fetch(request: FetchRequest): Promise<readonly IncomingRecord[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MOST_PARTITIONS);
      try {
        const requests = batch.map((waiting) => waiting.request);
        const found = await fetchRecords(this.queryable, requests, MOST_PER_FETCH);
        for (const [index, { resolve }] of batch.entries()) resolve(found[index]!);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.running = false;
  }
}
