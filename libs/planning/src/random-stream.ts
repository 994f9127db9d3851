/** Repeatable random numbers of one simulated run. */
export interface RandomStream {
  /** Uniform on [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
}

/**
 * xoshiro128++ (Blackman & Vigna, Scrambled linear pseudorandom number generators, ACM TOMS 47(4), 2021), its state filled from seed
 * and run by a counter through MurmurHash3's avalanche; normals in pairs by Box and Muller. Not cryptographic.
 */
export function randomStream(seed: number, run: number): RandomStream {
  let counter = Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca77);
  const fill = (): number => {
    counter = (counter + 0x9e3779b9) | 0;
    return avalanche(counter);
  };
  // A state of zeros would stay zero.
  let [a, b, c, d] = [fill(), fill(), fill(), fill() | 1];
  const uniform = (): number => {
    const result = (rotate((a + d) | 0, 7) + a) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result / 2 ** 32;
  };
  let spare: number | null = null;
  return {
    uniform,
    normal() {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** Below so many expected successes they are counted one by one. */
const COUNTED_BELOW = 30;

/**
 * Successes in n trials of probability p. Exact where the rarer outcome is expected fewer than 30 times (by the waiting times
 * between two of them: Devroye, Non-Uniform Random Variate Generation, 1986, X.4.3), else a rounded normal.
 */
export function binomial(random: RandomStream, n: number, p: number): number {
  if (n === 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  if (n * p >= COUNTED_BELOW) {
    const drawn = Math.round(n * p + Math.sqrt(n * p * (1 - p)) * random.normal());
    return Math.min(n, Math.max(0, drawn));
  }
  const perTrial = Math.log1p(-p);
  let successes = 0;
  let trials = 0;
  for (;;) {
    trials += Math.floor(Math.log(1 - random.uniform()) / perTrial) + 1;
    if (trials > n) return successes;
    successes += 1;
  }
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

function avalanche(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
