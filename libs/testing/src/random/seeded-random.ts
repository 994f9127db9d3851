import { sfc32 } from '#libs/scenes';

/** Repeatable random numbers for simulations. */
export interface SimulationRandom {
  /** Uniform on [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
}

/** By sfc32; normals by Marsaglia's polar method. */
export function simulationRandom(seed: number): SimulationRandom {
  const uint32 = sfc32([seed, seed ^ 0x9e3779b9, seed ^ 0x243f6a88], 15);
  const next = (): number => uint32() / 2 ** 32;
  let spare: number | null = null;
  return {
    uniform: next,
    normal() {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      for (;;) {
        const x = 2 * next() - 1;
        const y = 2 * next() - 1;
        const square = x * x + y * y;
        if (square === 0 || square >= 1) continue;
        const factor = Math.sqrt((-2 * Math.log(square)) / square);
        spare = y * factor;
        return x * factor;
      }
    },
  };
}
