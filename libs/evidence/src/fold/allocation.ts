import type { WeightsPpm } from '#libs/contracts';
import { memoryKey } from './memory-key.js';

/**
 * What units are drawn by: a stage of the ramp and the shares of the experiment's own variants. The service's epoch is no part of it. Every order for
 * any of the service's experiments makes a new one, and most of them leave these shares as they are.
 */
export interface Allocation {
  readonly stage: number;
  readonly weightsPpm: WeightsPpm;
  /** The same for the same stage and shares, whatever the order of the variants. */
  readonly key: string;
  /** What a unit's mark says of it: at least 2³¹. Marks of before say the epoch, which is smaller. */
  readonly mark: number;
}

/** Made last, whatever the experiment: one allocation follows another for thousands of events. */
const madeLast: Allocation[] = [];
const MOST_MADE = 8;

export function allocationOf({ stage, weightsPpm }: Pick<Allocation, 'stage' | 'weightsPpm'>): Allocation {
  for (const known of madeLast) {
    if (known.stage === stage && areSameShares(known.weightsPpm, weightsPpm)) return known;
  }
  const key = keyOf(stage, weightsPpm);
  const made = { stage, weightsPpm: { ...weightsPpm }, key, mark: (memoryKey(key) | FIRST_MARK) >>> 0 };
  if (madeLast.length >= MOST_MADE) madeLast.pop();
  madeLast.unshift(made);
  return made;
}

const FIRST_MARK = 2 ** 31;

/** Names of variants have neither spaces nor equals signs. */
function keyOf(stage: number, weightsPpm: WeightsPpm): string {
  const shares = Object.keys(weightsPpm)
    .sort()
    .map((variant) => `${variant}=${weightsPpm[variant]}`);
  return [stage, ...shares].join(' ');
}

export function areSameShares(a: WeightsPpm, b: WeightsPpm): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
