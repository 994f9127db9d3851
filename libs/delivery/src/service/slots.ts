import { MILLION, WHOLE_SERVICE, type ExperimentSpec, type Layer } from '#libs/contracts';
import type { ServiceSlot, ServiceState } from './state.js';

/** False where one slot spans the service. */
export function isDivided({ slots, holdoutPpm }: Pick<ServiceState, 'slots' | 'holdoutPpm'>): boolean {
  const [first, ...others] = slots;
  const isWhole = first?.id === WHOLE_SERVICE && first.fromPpm === 0 && first.toPpm === MILLION;
  return !isWhole || others.length > 0 || holdoutPpm > 0;
}

/** The slot that an experiment's file asks for; undefined where the service has none of that name. */
export function askedSlot({ slots }: ServiceState, { slot = WHOLE_SERVICE }: ExperimentSpec): ServiceSlot | undefined {
  return slots.find(({ id }) => id === slot);
}

/** The slot that the experiment has now. */
export function slotHeldBy({ slots }: ServiceState, experiment: string): ServiceSlot | undefined {
  return slots.find(({ heldBy }) => heldBy?.experiment === experiment);
}

/** Experiments that have other slots and are not at their end: their control is the baseline. */
export function runningBeside({ slots }: ServiceState, experiment: string): readonly string[] {
  return slots.flatMap(({ heldBy, order }) =>
    heldBy === null || heldBy.experiment === experiment || order?.terminal === true ? [] : [heldBy.experiment],
  );
}

/** Of the experiments that have other slots one whose control is the baseline as it is now: it stands on what made that. */
export function standsOnBaseline({ slots, baseline }: ServiceState, experiment: string): string | undefined {
  const found = slots.find(({ heldBy }) => {
    if (heldBy === null || heldBy.experiment === experiment) return false;
    return heldBy.control === undefined || heldBy.control === baseline?.fingerprint;
  });
  return found?.heldBy?.experiment;
}

/** The service's whole traffic, as orders carry it; undefined where one slot spans the service. */
export function layerOf({ unit, holdoutPpm, slots, ...service }: ServiceState): Layer | undefined {
  if (!isDivided({ slots, holdoutPpm, ...service })) return undefined;
  return { unit, holdoutPpm, slots: slots.map(({ id, fromPpm, toPpm, order }) => ({ id, fromPpm, toPpm, order })) };
}
