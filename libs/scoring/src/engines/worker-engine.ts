import type { Worker } from 'node:worker_threads';
import type { EmbeddingEngine } from './engine.js';
import { EngineFailedError } from './errors.js';
import { PixelBuffers } from './pixel-buffers.js';
import type { WorkerReply, WorkerRequest } from './worker-messages.js';

interface Pending {
  resolve(embeddings: Float32Array): void;
  reject(error: Error): void;
}

/** An engine that computes in one worker thread, so that a long computation blocks nobody else; a dead thread is replaced. */
export class WorkerEngine implements EmbeddingEngine {
  private readonly pending = new Map<number, Pending>();
  private readonly pixels = new PixelBuffers();
  private nextId = 0;
  private worker: Promise<Worker> | undefined;
  private lastFailure: string | undefined;
  private closed = false;
  private computes: string | undefined;

  /**
   * @param newWorker starts a thread that says `ready` once it can compute, or ends with an error
   * @param called as errors name the engine
   */
  constructor(
    readonly name: string,
    private readonly newWorker: () => Worker,
    private readonly called = name,
  ) {}

  async start(): Promise<void> {
    await this.running();
  }

  /** What computes, in words; undefined before {@link start}. */
  get device(): string | undefined {
    return this.computes;
  }

  failure(): string | undefined {
    return this.lastFailure;
  }

  pixelBuffer(bytes: number): Uint8Array<ArrayBuffer> {
    return this.pixels.take(bytes);
  }

  async embedImages(pixels: Uint8Array<ArrayBuffer>, count: number): Promise<Float32Array> {
    return this.ask((id) => ({ kind: 'images', id, pixels, count }), [pixels.buffer]);
  }

  async embedTexts(ids: readonly Int32Array[]): Promise<Float32Array> {
    return this.ask((id) => ({ kind: 'texts', id, ids }), []);
  }

  async close(): Promise<void> {
    this.closed = true;
    const worker = await this.worker?.catch(() => undefined);
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    send(worker, { kind: 'close' });
    await ended;
  }

  private async ask(requestOf: (id: number) => WorkerRequest, transfer: ArrayBuffer[]): Promise<Float32Array> {
    const worker = await this.running();
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      send(worker, requestOf(id), transfer);
    });
  }

  /** The worker; a dead one is replaced at the next request, so that one crash costs one batch. */
  private running(): Promise<Worker> {
    if (this.closed) return Promise.reject(new EngineFailedError(`the engine ${this.called} has been closed`));
    this.worker ??= this.spawn();
    return this.worker;
  }

  private spawn(): Promise<Worker> {
    return new Promise((resolve, reject) => {
      const worker = this.newWorker();
      let cause: Error | undefined;
      worker.on('error', (error: Error) => (cause = error));
      worker.on('exit', (code) => {
        const failure = new EngineFailedError(
          `the engine ${this.called} stopped: ${cause?.message ?? `its worker ended with code ${code}`}`,
          { cause },
        );
        if (!this.closed) this.lastFailure = failure.message;
        this.worker = undefined;
        this.rejectAll(failure);
        reject(failure);
      });
      worker.on('message', (reply: WorkerReply) => {
        if (reply.kind === 'ready') {
          this.lastFailure = undefined;
          this.computes = reply.device;
          resolve(worker);
        } else this.settle(reply);
      });
    });
  }

  private settle(reply: Exclude<WorkerReply, { kind: 'ready' }>): void {
    const waiting = this.pending.get(reply.id);
    this.pending.delete(reply.id);
    if (reply.kind === 'embeddings' && reply.pixels !== undefined) this.pixels.giveBack(reply.pixels);
    if (reply.kind === 'embeddings') waiting?.resolve(reply.embeddings);
    else waiting?.reject(new EngineFailedError(`the engine ${this.called} failed: ${reply.message}`));
  }

  private rejectAll(failure: Error): void {
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const one of waiting) one.reject(failure);
  }
}

function send(worker: Worker, request: WorkerRequest, transfer: ArrayBuffer[] = []): void {
  worker.postMessage(request, transfer);
}
