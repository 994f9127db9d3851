import { isActive, type DefinedState, type StartedState } from '../state.js';
import type { ServiceEvent } from './events.js';
import { servedByEnded, variantAsBaseline } from './served.js';

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
  const epoch = Math.max(knownEpoch, ...started.map((state) => state.epoch));
  const { experiment, revision } = ruling;
  const happened = { atMs, actor: 'decision' };
  const name = isActive(ruling) ? ruling.spec.control : servedByEnded(ruling);
  const note = `${name} of ${experiment} revision ${revision}, as routers serve it`;
  const events: ServiceEvent[] = [
    { type: 'commanded', ...happened, experiment, revision, epoch },
    { type: 'baseline-set', ...happened, baseline: variantAsBaseline(ruling, name), epoch, note },
  ];
  if (isActive(ruling)) events.push({ type: 'slot-taken', ...happened, experiment, revision });
  return events;
}
