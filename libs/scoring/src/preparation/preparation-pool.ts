import type { Worker } from 'node:worker_threads';
import { startWorker } from '../engines/start-worker.js';
import { plainPngPixels } from '../decoding/plain-png.js';
import type { PicturePreparer } from './picture-preparer.js';
import type {
  PreparationReply,
  PreparationRequest,
  PreparationSettings,
  PreparationWorkerData,
} from './preparation-messages.js';
import type { PictureFault, PreparedPicture } from './prepared-picture.js';
import type { SquareRing } from './square-ring.js';

/** A thread died while it had the picture, or could not be started. Whether the picture is at fault is not known. */
export class PreparationFailedError extends Error {
  override readonly name = 'PreparationFailedError';
}

/** A PNG of at most so many pixels takes less time than its way to a thread and back. */
const SMALL_PIXELS = 128 * 128;

/** One is decoded by the image library's thread while the other one is resized. */
const MOST_PER_THREAD = 2;

interface Job {
  readonly bytes: Uint8Array;
  readonly place: number;
  resolve(picture: PreparedPicture | PictureFault): void;
  reject(error: Error): void;
}

/**
 * Threads that decode and resize, so that the service's own thread does neither. They are started when there is work for them, and a dead
 * one is replaced: that costs the pictures which it had.
 */
export class PreparationPool implements PicturePreparer {
  private readonly threads: PreparationThread[];
  private readonly waiting: Job[] = [];

  /** @param here for small pictures, in the caller's own thread */
  constructor(
    threads: number,
    settings: PreparationSettings,
    ring: SquareRing,
    private readonly here: PicturePreparer,
  ) {
    const newWorker = (): Worker =>
      startWorker(new URL('./preparation-worker.js', import.meta.url), {
        workerData: { ...settings, memory: ring.memory } satisfies PreparationWorkerData,
        name: 'pictures',
      });
    this.threads = Array.from(
      { length: threads },
      () => new PreparationThread(newWorker, ring.squareBytes, () => this.next()),
    );
  }

  prepare(bytes: Buffer, place: number): Promise<PreparedPicture | PictureFault> {
    if (plainPngPixels(bytes) <= SMALL_PIXELS) return this.here.prepare(bytes, place);
    return new Promise((resolve, reject) => {
      this.waiting.push({ bytes, place, resolve, reject });
      this.next();
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }

  /** The one with the least to do gets the next picture: the first one that has started goes before one that would have to. */
  private next(): void {
    while (this.waiting.length > 0) {
      const idlest = this.threads.reduce((best, thread) => (thread.jobs < best.jobs ? thread : best));
      if (idlest.jobs >= MOST_PER_THREAD) return;
      idlest.give(this.waiting.shift()!);
    }
  }
}

class PreparationThread {
  private readonly underWay = new Map<number, Job>();
  private worker: Worker | undefined;
  private nextId = 0;

  constructor(
    private readonly newWorker: () => Worker,
    private readonly squareBytes: number,
    private readonly whenFree: () => void,
  ) {}

  get jobs(): number {
    return this.underWay.size;
  }

  give(job: Job): void {
    const id = this.nextId++;
    this.underWay.set(id, job);
    this.worker ??= this.start();
    const request: PreparationRequest = { id, bytes: job.bytes, at: job.place * this.squareBytes };
    this.worker.postMessage(request, []);
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private start(): Worker {
    const worker = this.newWorker();
    // Who waits for a picture keeps the process alive; an idle thread does not.
    worker.unref();
    let cause: Error | undefined;
    worker.on('error', (error: Error) => (cause = error));
    worker.on('exit', (code) => {
      if (this.worker === worker) this.worker = undefined;
      this.rejectAll(`a thread that decodes pictures stopped: ${cause?.message ?? `it ended with code ${code}`}`);
    });
    worker.on('message', (reply: PreparationReply) => this.settle(reply));
    return worker;
  }

  private settle(reply: PreparationReply): void {
    const job = this.underWay.get(reply.id);
    this.underWay.delete(reply.id);
    if ('picture' in reply) job?.resolve(reply.picture);
    else job?.reject(new PreparationFailedError(`a picture could not be prepared: ${reply.error}`));
    this.whenFree();
  }

  private rejectAll(reason: string): void {
    const lost = [...this.underWay.values()];
    this.underWay.clear();
    for (const job of lost) job.reject(new PreparationFailedError(reason));
    this.whenFree();
  }
}
