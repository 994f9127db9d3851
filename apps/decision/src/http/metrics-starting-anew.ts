import type { ExperimentDefined } from '#libs/contracts';
import type { DeliveryEvent } from '#libs/delivery';
import { changedMetrics, evidenceDesign } from '#libs/evidence';
import type { Obeyed } from '../deciding/decisions.js';

/** Guardrails and limits that a changed policy tests anew from now on: what was seen of them says nothing at another margin. */
export function startingAnew({ before, events }: Pick<Obeyed, 'before' | 'events'>): readonly string[] {
  const changed = events.find((event): event is PolicyChanged => event.type === 'policy-changed');
  if (!changed || !('spec' in before)) return [];
  const { definition } = changed;
  const [old, now] = [{ ...definition, spec: before.spec }, definition].map(designOf);
  if (!old || !now) return [];
  const isTested = new Set(now.metrics.filter(({ test }) => test !== null).map(({ definition: { name } }) => name));
  const names = changedMetrics(old, now).map(({ metric }) => metric);
  return names.filter((name) => isTested.has(name)).sort();
}

type PolicyChanged = Extract<DeliveryEvent, { readonly type: 'policy-changed' }>;

/** Partitions say how evidence is shared out, which no policy changes. */
function designOf(definition: ExperimentDefined) {
  return evidenceDesign(definition, 1);
}
