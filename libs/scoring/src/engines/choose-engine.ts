import type { EngineKind } from './engine.js';
import { onnxEngine } from './onnx-engine.js';

/** In the order in which `auto` tries them. */
export const engineNames = ['onnx'] as const;
export type EngineName = (typeof engineNames)[number];

const kinds: Readonly<Record<EngineName, EngineKind>> = { onnx: onnxEngine };

export interface ChosenEngine {
  readonly name: EngineName;
  readonly kind: EngineKind;
  /** Why this one, in words, for logs and health. */
  readonly reason: string;
}

/** No engine can be used as asked; says why each one is out. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
}

/**
 * An engine asked for by name is used or refused, never replaced by another; `auto` takes the first that can run here.
 * @throws EngineUnavailableError
 */
export async function chooseEngine(asked: EngineName | 'auto'): Promise<ChosenEngine> {
  if (asked !== 'auto') {
    const { available, reason } = await kinds[asked].availability();
    if (!available) throw new EngineUnavailableError(`SCORER_ENGINE=${asked} can't be used: ${reason}`);
    return { name: asked, kind: kinds[asked], reason: `asked for by SCORER_ENGINE; ${reason}` };
  }
  const passedOver: string[] = [];
  for (const name of engineNames) {
    const { available, reason } = await kinds[name].availability();
    if (available) return { name, kind: kinds[name], reason: ['auto', ...passedOver, `${name}: ${reason}`].join('; ') };
    passedOver.push(`not ${name}: ${reason}`);
  }
  throw new EngineUnavailableError(`no engine can run here: ${passedOver.join('; ')}`);
}
