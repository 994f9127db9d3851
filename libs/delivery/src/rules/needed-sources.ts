import type { ExperimentSpec } from '#libs/contracts';
import { metricsOf } from '#libs/evidence';
import { restsOn } from '../judged-metrics.js';

/** Which sources of events a guardrail, a limit or an objective reads; the silence of any other decides nothing. */
export interface NeededSources {
  readonly telemetry: boolean;
  readonly scores: boolean;
}

/**
 * What the revision's decisions rest on beside the requests, which the router itself reports. Watched metrics decide nothing, so they
 * need nothing. Scores need telemetry too: a picture that no generation names is not scored.
 */
export function neededSources(spec: ExperimentSpec): NeededSources {
  const deciding = restsOn(
    spec,
    [...spec.guardrails, ...spec.objectives, ...(spec.limits ?? [])].map(({ metric }) => metric),
  );
  const topics = new Set(metricsOf(spec).flatMap(({ name, topic }) => (deciding.has(name) ? [topic] : [])));
  const scores = topics.has('image.scored.v1');
  return { scores, telemetry: scores || topics.has('generation.completed.v1') };
}
