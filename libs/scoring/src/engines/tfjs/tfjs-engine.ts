import type { ClipModel } from '../../model/model-directory.js';
import type { Availability, EngineKind } from '../engine.js';
import { EngineFailedError } from '../errors.js';
import { startWorker } from '../start-worker.js';
import { WorkerEngine } from '../worker-engine.js';
import { missingPackage, type TfjsBackend } from './tfjs-backend.js';
import type { TfjsWorkerData } from './tfjs-messages.js';

/** Drivers that compute on the CPU, slower than WebAssembly: for tests. */
const SOFTWARE_GPU = /swiftshader|llvmpipe|lavapipe/i;

/** TensorFlow.js with one backend; `SCORER_ENGINE` names it. */
export function tfjsEngine(backend: TfjsBackend): EngineKind {
  return {
    availability: () => tryBackend(backend),
    start: async (model, { precision = 'f32' }) => {
      if (precision !== 'f32') {
        throw new EngineFailedError(`${backend} computes in f32, SCORER_PRECISION=${precision} can't be honoured`);
      }
      const engine = newEngine(backend, model);
      await engine.start();
      return engine;
    },
  };
}

/** Starts the backend without a model: packages may be there and the device not. */
async function tryBackend(backend: TfjsBackend): Promise<Availability> {
  const missing = missingPackage(backend);
  if (missing !== undefined) return { available: false, reason: missing };
  const trial = newEngine(backend, null);
  try {
    await trial.start();
    const device = trial.device!;
    await trial.close();
    return { available: true, reason: device, onlyByName: SOFTWARE_GPU.test(device) };
  } catch (error) {
    return { available: false, reason: (error as Error).message };
  }
}

/** @param model null to see only whether the backend works */
function newEngine(backend: TfjsBackend, model: ClipModel | null): WorkerEngine {
  const workerData: TfjsWorkerData = {
    backend,
    model: model && { directory: model.directory, description: model.description },
  };
  return new WorkerEngine(backend, () =>
    startWorker(new URL('./tfjs-worker.js', import.meta.url), { workerData, name: backend }),
  );
}
