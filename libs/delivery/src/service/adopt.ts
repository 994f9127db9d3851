import { candidatesOf, WHOLE_SERVICE, type AllocationCommanded, type Layer, type SlotOrder } from '#libs/contracts';
import { isActive, type DefinedState, type StartedState } from '../state.js';
import type { ServiceEvent } from './events.js';
import { servedByEnded, variantAsBaseline } from './served.js';
import type { ServiceBaseline } from './state.js';

/**
 * The log of a service whose experiments are older than itself: the newest running one has its slot, as routers have it, and the baseline is that
 * one's control, or what the experiment that ended last left behind.
 * @param states the service's experiments, in any order
 * @param knownEpoch no router has seen a larger one, as far as other logs tell
 */
export function adoptService(states: readonly DefinedState[], atMs: number, knownEpoch = 0): readonly ServiceEvent[] {
  const started = states.filter((state): state is StartedState => state.phase !== 'draft');
  const [ruling] = started.toSorted(
    (left, right) => Number(isActive(right)) - Number(isActive(left)) || right.definedAtMs - left.definedAtMs,
  );
  if (!ruling) return [];
  const [newest] = started.toSorted((left, right) => right.lastCommand.epoch - left.lastCommand.epoch);
  const epoch = Math.max(knownEpoch, ...started.map((state) => state.epoch));
  const { lastCommand } = newest as StartedState;
  if (lastCommand.layer) return adoptDivided(started, { ...lastCommand, epoch }, lastCommand.layer, atMs);
  const { experiment, revision } = ruling;
  const happened = { atMs, actor: 'decision' };
  const name = isActive(ruling) ? ruling.spec.control : servedByEnded(ruling);
  const note = `${name} of ${experiment} revision ${revision}, as routers serve it`;
  const events: ServiceEvent[] = [
    { type: 'commanded', ...happened, experiment, revision, epoch },
    { type: 'baseline-set', ...happened, baseline: variantAsBaseline(ruling, name), epoch, note },
  ];
  if (isActive(ruling)) events.push({ type: 'slot-taken', ...happened, experiment, revision, slot: WHOLE_SERVICE });
  return events;
}

/** Of a service that was divided the newest order tells the slots and what each is served by. */
function adoptDivided(
  states: readonly StartedState[],
  { experiment, revision, epoch, baseline: served }: AllocationCommanded,
  layer: Layer,
  atMs: number,
): readonly ServiceEvent[] {
  const happened = { atMs, actor: 'decision' };
  const { unit, holdoutPpm } = layer;
  const slots = layer.slots.map(({ id, fromPpm, toPpm }) => ({ id, fromPpm, toPpm }));
  const note = 'as routers serve it';
  const baseline = states.flatMap((state) => baselineIn(state, served))[0];
  return [
    { type: 'slots-set', ...happened, unit, holdoutPpm, slots, epoch, note },
    { type: 'commanded', ...happened, experiment, revision, epoch },
    ...(baseline ? [{ type: 'baseline-set' as const, ...happened, baseline, epoch, note }] : []),
    ...layer.slots.flatMap(({ id, order }) => {
      const state = states.find((one) => one.experiment === order?.experiment);
      return order && state ? holderIn({ id, order }, state, served?.fingerprint, happened) : [];
    }),
  ];
}

function baselineIn(state: StartedState, served: AllocationCommanded['baseline']): readonly ServiceBaseline[] {
  const names = Object.keys(state.spec.variants);
  return names
    .filter((name) => state.fingerprints[name] === served?.fingerprint)
    .map((name) => ({ ...variantAsBaseline(state, name), ...served }));
}

function holderIn(
  { id: slot, order }: { readonly id: string; readonly order: SlotOrder },
  state: StartedState,
  baseline: string | undefined,
  happened: { readonly atMs: number; readonly actor: string },
): readonly ServiceEvent[] {
  const { experiment, revision, epoch } = order;
  const ofRevision = { ...happened, experiment, revision };
  const commanded: ServiceEvent = { type: 'commanded', ...ofRevision, epoch, slot, order };
  if (!isActive(state) && state.fingerprints[servedByEnded(state)] === baseline) return [commanded];
  const candidates = candidatesOf(state.spec).flatMap((name) => state.fingerprints[name] ?? []);
  const control = state.fingerprints[state.spec.control];
  const taken: ServiceEvent = { type: 'slot-taken', ...ofRevision, slot, candidates };
  return [commanded, control === undefined ? taken : { ...taken, control }];
}
