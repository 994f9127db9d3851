import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import util from 'node:util';
import { defineNavigatorGpu } from './dawn.js';
import type { Tfjs } from './tfjs-ops.js';

/** What computes, fastest first: TensorFlow on CUDA, any GPU through Vulkan, TensorFlow on the CPU, WebAssembly. */
export const tfjsBackends = ['tfjs-node-gpu', 'tfjs-webgpu', 'tfjs-node', 'tfjs-wasm'] as const;
export type TfjsBackend = (typeof tfjsBackends)[number];

/** A backend at work in this thread. */
export interface StartedBackend {
  readonly tf: Tfjs;
  /** What computes, in words. */
  readonly device: string;
  /** Frees the device; nothing computes any more. */
  stop(): void;
}

interface Packages {
  readonly names: readonly string[];
  /** What puts them where they are found. */
  readonly install: string;
  /** Looked at first, as Node finds it from here: a folder under `node_modules` that `npm run engine:tfjs` builds. */
  readonly built?: string;
}

const CORE = '@tensorflow/tfjs-core';

const packages: Readonly<Record<TfjsBackend, Packages>> = {
  'tfjs-node-gpu': {
    names: ['@tensorflow/tfjs-node-gpu'],
    install: 'npm run engine:tfjs -- --gpu',
    built: '.teststrip/tfjs-node-gpu/package.json',
  },
  'tfjs-webgpu': {
    names: [CORE, '@tensorflow/tfjs-backend-webgpu', 'webgpu'],
    install: 'npm install --no-save @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-webgpu@4.22.0 webgpu@0.6.2',
  },
  'tfjs-node': {
    names: ['@tensorflow/tfjs-node'],
    install: 'npm run engine:tfjs',
    built: '.teststrip/tfjs-node/package.json',
  },
  'tfjs-wasm': {
    names: [CORE, '@tensorflow/tfjs-backend-wasm'],
    install: 'npm install --no-save @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0',
  },
};

const starters: Readonly<Record<TfjsBackend, (paths: readonly string[]) => Promise<StartedBackend>>> = {
  'tfjs-node-gpu': async ([node]) => startNative(node!, true),
  'tfjs-node': async ([node]) => startNative(node!, false),
  'tfjs-webgpu': async ([core, backend, dawn]) => startWebGpu(core!, backend!, dawn!),
  'tfjs-wasm': async ([core, backend]) => startWasm(core!, backend!),
};

const requireHere = createRequire(import.meta.url);

/** Why a backend's packages can't be loaded, with what to do about it; undefined when they are all there. */
export function missingPackage(backend: TfjsBackend): string | undefined {
  const { names, install } = packages[backend];
  const missing = names.find((name) => pathOf(name, backend) === undefined);
  return missing && `${missing} is not installed; to get it: ${install}`;
}

/**
 * Loads a backend's packages into this thread and makes it the one that computes.
 * @throws Error when something is not installed, or the device is not there: another one never takes its place
 */
export async function startBackend(backend: TfjsBackend): Promise<StartedBackend> {
  const missing = missingPackage(backend);
  if (missing !== undefined) throw new Error(missing);
  const started = await starters[backend](packages[backend].names.map((name) => pathOf(name, backend)!));
  await expectRightProduct(started.tf, backend);
  return started;
}

function pathOf(name: string, backend: TfjsBackend): string | undefined {
  const { built } = packages[backend];
  const fromBuilt = built === undefined ? undefined : resolved(built, requireHere);
  return (fromBuilt && resolved(name, createRequire(fromBuilt))) ?? resolved(name, requireHere);
}

function resolved(name: string, from: NodeJS.Require): string | undefined {
  try {
    return from.resolve(name);
  } catch {
    return undefined;
  }
}

interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
}

async function startNative(path: string, onGpu: boolean): Promise<StartedBackend> {
  // Gone from Node 23 on; tfjs-node 4.22 still calls them.
  Object.assign(util, {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  });
  const tf = requireHere(path) as Tfjs;
  await tf.ready();
  const { isUsingGpuDevice } = tf.backend() as NativeBackend;
  if (onGpu && !isUsingGpuDevice) {
    throw new Error(
      'TensorFlow finds no GPU and would compute on the CPU: expected an NVIDIA driver and the CUDA and cuDNN libraries of its version',
    );
  }
  return { tf, device: isUsingGpuDevice ? 'TensorFlow on CUDA' : 'TensorFlow on the CPU', stop: () => undefined };
}

async function startWebGpu(core: string, backend: string, dawnPath: string): Promise<StartedBackend> {
  const dawn = await import(pathToFileURL(dawnPath).href);
  const { adapter, remove } = await defineNavigatorGpu(dawn);
  const tf = requireHere(core) as Tfjs;
  requireHere(backend);
  await use(tf, 'webgpu');
  const { device } = tf.backend() as { readonly device: { destroy(): void } };
  return {
    tf,
    device: `WebGPU on ${adapter}`,
    stop: () => {
      device.destroy();
      remove();
    },
  };
}

async function startWasm(core: string, backend: string): Promise<StartedBackend> {
  const tf = requireHere(core) as Tfjs;
  requireHere(backend);
  await use(tf, 'wasm');
  return { tf, device: 'WebAssembly, one thread', stop: () => undefined };
}

async function use(tf: Tfjs, name: string): Promise<void> {
  // Other backends are registered beside it; TensorFlow.js would quietly take the next one.
  if (!(await tf.setBackend(name)) || tf.getBackend() !== name) {
    throw new Error(`TensorFlow.js could not start its backend ${name}`);
  }
}

/** A driver that can't compute is noticed here, not in somebody's scores. */
async function expectRightProduct(tf: Tfjs, backend: TfjsBackend): Promise<void> {
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor([1, 2, 3, 4], [2, 2], 'float32'), tf.tensor([5, 6, 7, 8], [2, 2], 'float32')),
  );
  const values = [...(await product.data())];
  product.dispose();
  if (values.join() !== '19,22,43,50') {
    throw new Error(`${backend} multiplies wrongly: (1 2; 3 4) · (5 6; 7 8) gives ${values.join(', ')}`);
  }
}
