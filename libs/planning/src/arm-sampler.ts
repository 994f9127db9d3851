import { binomial, type RandomStream } from './random-stream.js';
import type { ArmLaw } from './unit-law.js';

/** Up to so many values are drawn one by one, more of them at once. */
const ONE_BY_ONE = 12;

/** Adds what `count` values of a variant contribute, in place. */
export type ArmSampler = (sums: Float64Array, count: number, random: RandomStream) => void;

/**
 * Draws sums of increments. Few outcomes: their numbers, binomial by binomial. A normal law: up to 12 values one by one; of more the
 * mean is exact and the fluctuation is that of the increments' projection on the first two Hermite polynomials (increments are
 * smooth in the value), normal by the central limit theorem. O(components) for any count above 12.
 */
export function armSampler(law: ArmLaw): ArmSampler {
  return law.positions === null ? countedSampler(law) : normalSampler(law, law.positions);
}

function countedSampler({ probabilities, increments }: ArmLaw): ArmSampler {
  return (sums, count, random) => {
    let left = count;
    let rest = 1;
    for (let outcome = increments.length - 1; outcome > 0 && left > 0; outcome--) {
      const probability = probabilities[outcome] as number;
      const drawn = binomial(random, left, Math.min(1, probability / rest));
      if (drawn > 0) addTimes(sums, increments[outcome] as Float64Array, drawn);
      left -= drawn;
      rest -= probability;
      if (rest <= 0) return;
    }
    if (left > 0) addTimes(sums, increments[0] as Float64Array, left);
  };
}

function normalSampler({ increments }: ArmLaw, positions: Float64Array): ArmSampler {
  const components = (increments[0] as Float64Array).length;
  const mean = projection(() => 1);
  const linear = projection((z) => z);
  const kurtosis = positions.reduce((sum, z) => sum + z ** 4, 0) / positions.length;
  const quadratic = projection((z) => (z * z - 1) / Math.sqrt(kurtosis - 1));
  return (sums, count, random) => {
    if (count <= ONE_BY_ONE) {
      for (let i = 0; i < count; i++) {
        addTimes(sums, increments[Math.floor(random.uniform() * increments.length)] as Float64Array, 1);
      }
      return;
    }
    const root = Math.sqrt(count);
    const u = root * random.normal();
    const v = root * random.normal();
    for (let k = 0; k < components; k++) {
      sums[k] =
        (sums[k] as number) + count * (mean[k] as number) + u * (linear[k] as number) + v * (quadratic[k] as number);
    }
  };

  function projection(on: (z: number) => number): Float64Array {
    const sum = new Float64Array(components);
    positions.forEach((z, outcome) => addTimes(sum, increments[outcome] as Float64Array, on(z) / positions.length));
    return sum;
  }
}

function addTimes(sums: Float64Array, increments: Float64Array, times: number): void {
  for (let k = 0; k < sums.length; k++) sums[k] = (sums[k] as number) + times * (increments[k] as number);
}
