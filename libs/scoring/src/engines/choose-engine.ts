import type { EngineKind } from './engine.js';
import { onnxEngine, onnxGpuEngine } from './onnx-engine.js';
import { tfjsBackends } from './tfjs/tfjs-backend.js';
import { tfjsEngine } from './tfjs/tfjs-engine.js';

/** Engines of one kind, in the order in which they are tried. */
const single = ['onnx-cuda', 'onnx-webgpu', 'onnx', ...tfjsBackends] as const;
type SingleEngine = (typeof single)[number];

/** What `SCORER_ENGINE` may name besides `auto`: `tfjs` is the first of TensorFlow.js's that works here. */
export const engineNames = ['onnx', 'onnx-webgpu', 'onnx-cuda', 'tfjs', ...tfjsBackends] as const;
export type EngineName = (typeof engineNames)[number];

const kinds: Readonly<Record<SingleEngine, EngineKind>> = {
  'onnx-cuda': onnxGpuEngine('cuda'),
  'onnx-webgpu': onnxGpuEngine('webgpu'),
  onnx: onnxEngine,
  'tfjs-node-gpu': tfjsEngine('tfjs-node-gpu'),
  'tfjs-webgpu': tfjsEngine('tfjs-webgpu'),
  'tfjs-node': tfjsEngine('tfjs-node'),
  'tfjs-wasm': tfjsEngine('tfjs-wasm'),
};

export interface ChosenEngine {
  readonly name: SingleEngine;
  readonly kind: EngineKind;
  /** Why this one, in words, for logs and health. */
  readonly reason: string;
}

/** No engine can be used as asked; says why each one is out. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
}

/**
 * An engine asked for by name is used or refused, never replaced by another; `auto` and `tfjs` take the first of theirs that can run here
 * and say why the ones before it can't.
 * @throws EngineUnavailableError
 */
export async function chooseEngine(asked: EngineName | 'auto'): Promise<ChosenEngine> {
  const passedOver: string[] = [];
  for (const name of candidatesFor(asked)) {
    const { available, reason, onlyByName = false } = await kinds[name].availability();
    if (available && (!onlyByName || asked === name)) {
      const chosen = asked === name ? reason : [...passedOver, `${name}: ${reason}`].join('; ');
      return {
        name,
        kind: kinds[name],
        reason: asked === 'auto' ? `auto; ${chosen}` : `asked for by SCORER_ENGINE; ${chosen}`,
      };
    }
    passedOver.push(`not ${name}: ${available ? `${reason}, which is slower than the others` : reason}`);
  }
  throw new EngineUnavailableError(
    asked === 'auto'
      ? `no engine can run here: ${passedOver.join('; ')}`
      : `SCORER_ENGINE=${asked} can't be used: ${passedOver.map((one) => one.slice('not '.length)).join('; ')}`,
  );
}

function candidatesFor(asked: EngineName | 'auto'): readonly SingleEngine[] {
  if (asked === 'auto') return single;
  return asked === 'tfjs' ? tfjsBackends : [asked];
}
