import type { VariantConfig } from '#libs/contracts';
import {
  assertDenoiseOptions,
  denoise,
  hashText,
  PICTURE_SIDE_PX,
  seededRandom,
  type DenoiseOptions,
  type SeededRandom,
  type Scene,
} from '#libs/scenes';
import { hardwareProfile, type HardwareProfile } from './hardware-model.js';

/** What one generation will do; decided by prompt, seed and configuration alone, before anything runs. */
export interface GenerationPlan {
  readonly gpuMs: number;
  readonly hostMs: number;
  /** The simulated kernel crashes half-way. */
  readonly crashes: boolean;
}

/** A variant's configuration as something that can make pictures and knows what they cost. */
export interface SimulatedModel {
  readonly hardware: HardwareProfile;
  readonly pictureSidePx: number;
  plan(prompt: string, seed: number): GenerationPlan;
  /** @returns 8-bit RGB, the same bytes for the same scene, seed and configuration */
  draw(scene: Scene, seed: number): Uint8Array;
}

/**
 * @param fingerprint the configuration's hash: two variants draw their latencies independently of each other
 * @throws Error naming the field of the configuration that this service does not know, and the known values
 */
export function createSimulatedModel(config: VariantConfig, fingerprint: string): SimulatedModel {
  const hardware = hardwareProfile(config);
  const drawing = drawingOptions(config);
  return {
    hardware,
    pictureSidePx: PICTURE_SIDE_PX,
    plan(prompt, seed) {
      const random = seededRandom(hashText(prompt, seed), hashText(fingerprint));
      const gpuMs = hardware.gpuMs * Math.exp(hardware.spread * standardNormal(random));
      const crashes = random.uniform() < hardware.crashRate;
      return { gpuMs: crashes ? gpuMs / 2 : gpuMs, hostMs: crashes ? 0 : hardware.hostMs, crashes };
    },
    draw: (scene, seed) => denoise(scene, { ...drawing, seed }),
  };
}

/** Box and Muller (1958). */
function standardNormal(random: SeededRandom): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

function drawingOptions({ checkpoint, sampler, steps, precision }: VariantConfig): Omit<DenoiseOptions, 'seed'> {
  const options = { checkpoint, sampler, steps, precision, seed: 0 } as DenoiseOptions;
  assertDenoiseOptions(options);
  return options;
}
