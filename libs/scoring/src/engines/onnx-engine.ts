import { createRequire } from 'node:module';
import type { Worker } from 'node:worker_threads';
import { towerFiles, type TowerFiles } from '../graphs/tower-files.js';
import type { ClipModel } from '../model/model-directory.js';
import type { EmbeddingEngine, EngineKind, EngineOptions } from './engine.js';
import { gpuAvailability } from './onnx-gpu.js';
import type { OnnxProvider, OnnxReply, OnnxRequest, OnnxWorkerData } from './onnx-messages.js';
import { PixelBuffers } from './pixel-buffers.js';
import { startWorker } from './start-worker.js';

/** onnxruntime on the CPU, in one worker thread. */
export const onnxEngine: EngineKind = {
  requiredFiles: [],
  availability: async () => {
    try {
      createRequire(import.meta.url).resolve('onnxruntime-node');
      return { available: true, reason: 'onnxruntime-node is installed' };
    } catch (error) {
      return { available: false, reason: (error as Error).message };
    }
  },
  start: (model, options) => startOnnx(model, options, 'cpu'),
};

/** onnxruntime on a GPU: through WebGPU, which every build brings along, or through CUDA, whose libraries are installed besides. */
export function onnxGpuEngine(provider: Exclude<OnnxProvider, 'cpu'>): EngineKind {
  return {
    requiredFiles: [],
    availability: () => gpuAvailability(provider),
    start: (model, options) => startOnnx(model, options, provider),
  };
}

async function startOnnx(model: ClipModel, options: EngineOptions, provider: OnnxProvider): Promise<EmbeddingEngine> {
  const { precision = 'f32', cacheDirectory } = options;
  const graphs = await towerFiles(model, { precision, cacheDirectory });
  const engine = new OnnxEngine(model, graphs, { ...options, provider });
  await engine.start();
  return engine;
}

/** The engine can't compute: its worker did not start, died, or onnxruntime gave an error. Not the pictures' fault. */
export class EngineFailedError extends Error {
  override readonly name = 'EngineFailedError';
}

interface Pending {
  resolve(embeddings: Float32Array): void;
  reject(error: Error): void;
}

class OnnxEngine implements EmbeddingEngine {
  readonly name: string;
  private readonly pending = new Map<number, Pending>();
  private readonly pixels = new PixelBuffers();
  private nextId = 0;
  private worker: Promise<Worker> | undefined;
  private lastFailure: string | undefined;
  private closed = false;

  constructor(
    private readonly model: ClipModel,
    private readonly graphs: TowerFiles,
    private readonly options: EngineOptions & { readonly provider: OnnxProvider },
  ) {
    this.name = `onnx-${options.provider}${options.precision === 'f16' ? '-f16' : ''}`;
  }

  async start(): Promise<void> {
    await this.running();
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

  private async ask(requestOf: (id: number) => OnnxRequest, transfer: ArrayBuffer[]): Promise<Float32Array> {
    const worker = await this.running();
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      send(worker, requestOf(id), transfer);
    });
  }

  /** The worker; a dead one is replaced at the next request, so that one crash costs one batch. */
  private running(): Promise<Worker> {
    if (this.closed) return Promise.reject(new EngineFailedError('the engine onnx has been closed'));
    this.worker ??= this.spawn();
    return this.worker;
  }

  private spawn(): Promise<Worker> {
    const { description } = this.model;
    const workerData: OnnxWorkerData = {
      graphs: this.graphs,
      side: description.image.side,
      contextLength: description.text.contextLength,
      dimension: description.dimension,
      endOfText: description.text.endOfText,
      threads: this.options.threads,
      provider: this.options.provider,
    };
    return new Promise((resolve, reject) => {
      const worker = startWorker(new URL('./onnx-worker.js', import.meta.url), { workerData, name: 'onnx' });
      let cause: Error | undefined;
      worker.on('error', (error: Error) => (cause = error));
      worker.on('exit', (code) => {
        const failure = new EngineFailedError(
          `the engine onnx stopped: ${cause?.message ?? `its worker ended with code ${code}`}`,
          { cause },
        );
        if (!this.closed) this.lastFailure = failure.message;
        this.worker = undefined;
        this.rejectAll(failure);
        reject(failure);
      });
      worker.on('message', (reply: OnnxReply) => {
        if (reply.kind === 'ready') {
          this.lastFailure = undefined;
          resolve(worker);
        } else this.settle(reply);
      });
    });
  }

  private settle(reply: Exclude<OnnxReply, { kind: 'ready' }>): void {
    const waiting = this.pending.get(reply.id);
    this.pending.delete(reply.id);
    if (reply.kind === 'embeddings' && reply.pixels !== undefined) this.pixels.giveBack(reply.pixels);
    if (reply.kind === 'embeddings') waiting?.resolve(reply.embeddings);
    else waiting?.reject(new EngineFailedError(`the engine onnx failed: ${reply.message}`));
  }

  private rejectAll(failure: Error): void {
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const one of waiting) one.reject(failure);
  }
}

function send(worker: Worker, request: OnnxRequest, transfer: ArrayBuffer[] = []): void {
  worker.postMessage(request, transfer);
}
