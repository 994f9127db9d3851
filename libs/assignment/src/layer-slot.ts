import { MILLION } from '#libs/contracts';
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

/** How the units of a layer are divided. */
export interface DividedLayer<Part extends Omit<Slot, 'layer'>> {
  /** Its own name: a part of the salt. */
  readonly layer: string;
  /** So many of the last buckets are in no slot. */
  readonly holdoutPpm: number;
  /** Disjoint. */
  readonly slots: readonly Part[];
}

/** The slot of a unit; `holdout`: one that no experiment ever gets; `free`: in no slot at present. */
export function partOf<Part extends Omit<Slot, 'layer'>>(
  { layer, holdoutPpm, slots }: DividedLayer<Part>,
  unit: string,
): Part | 'holdout' | 'free' {
  const bucket = bucketOf(hashUnit(salts.gate(layer), unit));
  if (bucket >= MILLION - holdoutPpm) return 'holdout';
  return slots.find(({ fromPpm, toPpm }) => fromPpm <= bucket && bucket < toPpm) ?? 'free';
}
