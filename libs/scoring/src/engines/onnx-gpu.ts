import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Availability } from './engine.js';
import type { OnnxProvider } from './onnx-messages.js';
import { startWorker } from './start-worker.js';

/** A driver for a GPU shows as one of these on Linux; other systems have WebGPU of their own. */
const GPU_DEVICES = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg'];
/** Longest time that a driver may take to be loaded and to multiply two small matrices. */
const SELF_TEST_MS = 60_000;

/** Whether a GPU computes here: looked for first, then tried with a product whose result is known. */
export async function gpuAvailability(provider: Exclude<OnnxProvider, 'cpu'>): Promise<Availability> {
  if (provider === 'cuda' && !existsSync(cudaLibrary())) {
    return { available: false, reason: 'the CUDA libraries are not installed, `npm run engine:cuda` fetches them' };
  }
  if (process.platform === 'linux' && !GPU_DEVICES.some(existsSync)) {
    return { available: provider === 'webgpu', onlyByName: true, reason: 'no GPU shows here, the CPU would compute' };
  }
  const failure = await selfTest(provider);
  return failure === null
    ? { available: true, reason: 'its self-test passed' }
    : { available: false, reason: `its self-test failed: ${failure}` };
}

/** Where onnxruntime looks for its CUDA provider: beside its own library. */
function cudaLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
  return join(folder, 'libonnxruntime_providers_cuda.so');
}

/** In a thread of its own, since loading a driver blocks; null when it passed. */
async function selfTest(provider: OnnxProvider): Promise<string | null> {
  return new Promise((resolve) => {
    const worker = startWorker(new URL('./onnx-self-test.js', import.meta.url), { workerData: { provider } });
    const timer = setTimeout(() => done(`no result within ${SELF_TEST_MS} ms`), SELF_TEST_MS);
    const done = (failure: string | null): void => {
      clearTimeout(timer);
      resolve(failure);
    };
    worker.on('message', (failure: string | null) => done(failure));
    worker.on('error', (error: Error) => done(error.message));
    worker.on('exit', (code) => done(`its thread ended with code ${code}`));
  });
}
