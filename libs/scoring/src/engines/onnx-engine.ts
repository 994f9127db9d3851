import { createRequire } from 'node:module';
import { towerFiles } from '../graphs/tower-files.js';
import type { ClipModel } from '../model/model-directory.js';
import type { EmbeddingEngine, EngineKind, EngineOptions } from './engine.js';
import { gpuAvailability } from './onnx-gpu.js';
import type { OnnxProvider, OnnxWorkerData } from './onnx-messages.js';
import { startWorker } from './start-worker.js';
import { WorkerEngine } from './worker-engine.js';

/** onnxruntime on the CPU, in one worker thread. */
export const onnxEngine: EngineKind = {
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
    availability: () => gpuAvailability(provider),
    start: (model, options) => startOnnx(model, options, provider),
  };
}

async function startOnnx(model: ClipModel, options: EngineOptions, provider: OnnxProvider): Promise<EmbeddingEngine> {
  const { precision = 'f32', cacheDirectory, threads } = options;
  const { image, text, dimension } = model.description;
  const workerData: OnnxWorkerData = {
    graphs: await towerFiles(model, { precision, cacheDirectory }),
    side: image.side,
    contextLength: text.contextLength,
    dimension,
    endOfText: text.endOfText,
    threads,
    provider,
  };
  const engine = new WorkerEngine(
    `onnx-${provider}${precision === 'f16' ? '-f16' : ''}`,
    () => startWorker(new URL('./onnx-worker.js', import.meta.url), { workerData, name: 'onnx' }),
    'onnx',
  );
  await engine.start();
  return engine;
}
