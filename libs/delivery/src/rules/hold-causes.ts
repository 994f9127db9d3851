import type { ExperimentAnalysed, ExperimentSpec } from '#libs/contracts';
import type { HoldCause } from '../events.js';
import { unmeasurableGuardrails } from './guardrail-proof.js';

/** Why the candidate cannot be judged by this analysis; empty when it can. */
export function holdCausesOf(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly HoldCause[] {
  const { srm, coverage, staleness, shift } = analysis.health;
  const causes: HoldCause[] = [];
  if (srm.status === 'mismatch') causes.push('sample-ratio-mismatch');
  if (coverage.status === 'gap') causes.push('coverage-gap');
  if (staleness.status === 'scores-silent' || staleness.status === 'telemetry-silent') causes.push(staleness.status);
  // A different distribution is no harm by itself, but a person should look before more people see it.
  if (shift?.status === 'found') causes.push('distribution-shift');
  if (unmeasurableGuardrails(spec, analysis).length > 0) causes.push('unmeasurable-guardrail');
  return causes;
}

/** Whether the analysis shows that a cause is gone. "Not enough data" and "no traffic" show nothing, so they end no hold. */
export function isCleared(cause: HoldCause, { health }: ExperimentAnalysed): boolean {
  switch (cause) {
    case 'sample-ratio-mismatch':
      return health.srm.status === 'ok';
    case 'coverage-gap':
      return health.coverage.status === 'ok';
    case 'scores-silent':
    case 'telemetry-silent':
      return health.staleness.status === 'ok';
    case 'distribution-shift':
      return health.shift?.status !== 'found';
    case 'unmeasurable-guardrail':
    case 'analysis-silent':
      // An analysis has arrived; whether a guardrail is unmeasurable is asked anew with each one.
      return true;
    default:
      return cause satisfies never;
  }
}
