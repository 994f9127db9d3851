import { bucketOf, hashUnit, salts } from './bucket.js';

/**
 * The part of a layer that an experiment may use. Experiments with disjoint slots of one layer never meet in a unit; a part
 * that no experiment uses is a holdout. The layer's own salt makes "takes part" independent of "gets which variant".
 */
export interface Slot {
  readonly layer: string;
  readonly fromPpm: number;
  readonly toPpm: number;
}

/** Whether a unit lies in the slot. */
export function isInSlot(slot: Slot, unit: string): boolean {
  const bucket = bucketOf(hashUnit(salts.gate(slot.layer), unit));
  return slot.fromPpm <= bucket && bucket < slot.toPpm;
}
