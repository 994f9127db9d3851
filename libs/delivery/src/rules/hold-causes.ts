import type { ConsistencyFinding, ExperimentAnalysed, ExperimentSpec } from '#libs/contracts';
import type { HoldCause } from '../events.js';
import { unmeasurableGuardrails } from './guardrail-proof.js';
import { limitsBeyond } from './limits.js';
import { neededSources } from './needed-sources.js';
import { lacksPairs, unmeasurableByPairs } from './pairs.js';
import { isInShadow, type ActiveState } from '../state.js';

/**
 * Why the candidate cannot be judged by this analysis; empty when it can. Only what a guardrail or an objective rests on counts: a
 * source that none of them reads may be silent, and a metric that is only watched warns (see `warn.ts`).
 */
export function holdCausesOf(state: ActiveState, analysis: ExperimentAnalysed): readonly HoldCause[] {
  const { spec } = state;
  const { srm, coverage, staleness } = analysis.health;
  const needs = neededSources(spec);
  const causes: HoldCause[] = [];
  if (srm.status === 'mismatch') causes.push('sample-ratio-mismatch');
  if (coverage.status === 'gap' && needs.scores) causes.push('coverage-gap');
  if (staleness.status === 'scores-silent' && needs.scores) causes.push('scores-silent');
  if (staleness.status === 'telemetry-silent' && needs.telemetry) causes.push('telemetry-silent');
  if (doubtfulReports(analysis).length > 0) causes.push('inconsistent-reports');
  return [...causes, ...(isInShadow(state) ? ofPairs(spec, analysis) : ofDrawn(spec, analysis))];
}

function ofDrawn(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly HoldCause[] {
  const causes: HoldCause[] = [];
  if (unmeasurableGuardrails(spec, analysis).length > 0) causes.push('unmeasurable-guardrail');
  if (limitsBeyond(spec, analysis).length > 0) causes.push('limit-exceeded');
  return causes;
}

/** In the shadow the candidate has no requests of its own, so that what was drawn says nothing of it. */
function ofPairs(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly HoldCause[] {
  const causes: HoldCause[] = [];
  if (unmeasurableByPairs(spec, analysis).length > 0) causes.push('unmeasurable-guardrail');
  if (lacksPairs(spec, analysis)) causes.push('pairs-silent');
  return causes;
}

/** What the services say of themselves and cannot be so, as far as a guardrail or an objective rests on it. */
export function doubtfulReports({ health }: Pick<ExperimentAnalysed, 'health'>): readonly ConsistencyFinding[] {
  return (health.consistency?.findings ?? []).filter(({ metrics }) => metrics.length > 0);
}

/** Whether the analysis shows that a cause is gone. "Not enough data" and "no traffic" show nothing, so they end no hold. */
export function isCleared(cause: HoldCause, spec: ExperimentSpec, { health }: ExperimentAnalysed): boolean {
  const needs = neededSources(spec);
  switch (cause) {
    case 'sample-ratio-mismatch':
      return health.srm.status === 'ok';
    case 'coverage-gap':
      return !needs.scores || health.coverage.status === 'ok';
    // A hold of before silence was asked whether anything needs what is silent ends here.
    case 'scores-silent':
      return !needs.scores || health.staleness.status === 'ok';
    case 'telemetry-silent':
      return !needs.telemetry || health.staleness.status === 'ok';
    case 'inconsistent-reports':
      return doubtfulReports({ health }).length === 0;
    case 'distribution-shift':
      // Of a hold of before watched metrics stopped holding anything: it is no cause any more.
      return true;
    case 'unmeasurable-guardrail':
    case 'limit-exceeded':
    case 'pairs-silent':
    case 'analysis-silent':
      // An analysis has arrived; whether a guardrail is unmeasurable, a limit exceeded or a shadow without pairs is asked anew with each one.
      return true;
    default:
      return cause satisfies never;
  }
}
