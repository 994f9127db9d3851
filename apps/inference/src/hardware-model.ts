import type { VariantConfig } from '#libs/contracts';

/**
 * What a configuration costs on simulated hardware: everything that latency, GPU seconds, memory, money and errors follow from.
 * The figures stand for a small distilled model at 64 × 64 pixels; only their ratios matter for what is tested with them.
 */
export interface HardwareProfile {
  /** Median GPU time of one generation of one picture, milliseconds. */
  readonly gpuMs: number;
  /** Time outside the GPU (decoding the latents on the CPU, encoding the picture), milliseconds; not billed as GPU time. */
  readonly hostMs: number;
  /** Standard deviation of the logarithm of the GPU time. */
  readonly spread: number;
  readonly memoryMiB: number;
  /** Price of one GPU second. */
  readonly pricePerGpuSecond: number;
  /** Probability that a generation crashes. */
  readonly crashRate: number;
}

const STEP_MS = 3;
const MODEL_MEMORY_MIB = 6_200;

/** Work per step relative to a first-order sampler with one model evaluation per step. */
const SAMPLER_WORK: Readonly<Record<string, number>> = { euler: 1, ddim: 1, 'dpmpp-2m': 1, unipc: 1.05, lcm: 1 };
const PRECISION: Readonly<Record<string, { readonly time: number; readonly memory: number }>> = {
  fp16: { time: 1, memory: 1 },
  int8: { time: 0.78, memory: 0.58 },
  int4: { time: 0.66, memory: 0.37 },
};
const GPU_PRICE: Readonly<Record<string, number>> = { l4: 0.0002, a100: 0.0011, h100: 0.0015 };
/** Attention kernels: relative time, and how often they crash. `flash-beta` is a release that should not have left the lab. */
const ATTENTION: Readonly<Record<string, { readonly time: number; readonly crashRate: number }>> = {
  sdpa: { time: 1, crashRate: 0.003 },
  eager: { time: 1.35, crashRate: 0.003 },
  'flash-beta': { time: 0.97, crashRate: 0.05 },
};
/** Where the latents are decoded: on the GPU, or on the host's CPU, which saves memory and costs latency. */
const DECODER_HOST_MS: Readonly<Record<string, number>> = { gpu: 4, cpu: 125 };

/**
 * @param config the variant's configuration; optional fields: `gpu` (l4, a100, h100), `attention` (sdpa, eager, flash-beta), `decoder` (gpu, cpu).
 * @throws RangeError naming the field, its value and the known ones.
 */
export function hardwareProfile(config: VariantConfig): HardwareProfile {
  const precision = known('precision', config.precision, PRECISION);
  const attention = known('attention', config['attention'] ?? 'sdpa', ATTENTION);
  const guidancePasses = (config.guidance ?? 1) > 1 ? 1.25 : 1;
  return {
    gpuMs:
      STEP_MS *
      config.steps *
      known('sampler', config.sampler, SAMPLER_WORK) *
      precision.time *
      attention.time *
      guidancePasses,
    hostMs: known('decoder', config['decoder'] ?? 'gpu', DECODER_HOST_MS),
    spread: 0.25,
    memoryMiB: Math.round(MODEL_MEMORY_MIB * precision.memory),
    pricePerGpuSecond: known('gpu', config['gpu'] ?? 'a100', GPU_PRICE),
    crashRate: attention.crashRate,
  };
}

function known<Value>(field: string, value: unknown, table: Readonly<Record<string, Value>>): Value {
  const found = table[String(value)];
  if (found === undefined) {
    throw new RangeError(
      `${field} "${String(value)}" is unknown to the simulated service; expected one of ${Object.keys(table).join(', ')}`,
    );
  }
  return found;
}
