import type { ExperimentSpec, Guardrail } from '#libs/contracts';
import { analyse, foldEvent, initialEvidence, type RequestEvent } from '#libs/evidence';
import { definition } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';

const LOOK_EVERY = 100;

/** By what the candidate is worse: an equal one, or one that is worse by the margin exactly. */
export type WorseBy = 'no effect' | 'at the margin';

/** The margin of `latency-p95`. */
export const LOOKED_AT_MARGIN = 0.1;

/** The guardrail at the boundary of the truth: of any harm where there is none, of harm beyond the margin at the margin. */
export function latencyGuardrail(truth: WorseBy): Guardrail {
  return {
    metric: 'latency-p95',
    margin: { kind: 'relative', value: LOOKED_AT_MARGIN },
    rollbackOn: truth === 'no effect' ? 'any-harm' : 'beyond-margin',
  };
}

/** Events in the order in which they come. */
export function inOrderOfTime(events: readonly RequestEvent[]): readonly RequestEvent[] {
  return events
    .map((event) => ({ event, atMs: Date.parse(event.time) }))
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ event }) => event);
}

/**
 * Folds events and looks at them all along: which guardrails were ever found harmful, and of which the proof was ever reached that the truth
 * forbids ("superior" without an effect, "non-inferior" at the margin).
 */
export function wrongDecisions(
  spec: Pick<ExperimentSpec, 'guardrails'> & Partial<ExperimentSpec>,
  events: readonly RequestEvent[],
  truth: WorseBy,
): Readonly<Record<string, boolean>> {
  const design = judgedDesign(definition({ unit: 'request', ...spec }));
  const evidence = initialEvidence(design);
  const proof = truth === 'no effect' ? 'superior' : 'nonInferior';
  const named = truth === 'no effect' ? 'superior' : 'non-inferior';
  const wrong: Record<string, boolean> = {};
  for (const { metric } of spec.guardrails) {
    wrong[`${metric}: harmful`] = false;
    wrong[`${metric}: ${named}`] = false;
  }
  for (const [index, event] of events.entries()) {
    foldEvent(evidence, design, event);
    if (index % LOOK_EVERY !== LOOK_EVERY - 1) continue;
    for (const { metric, role, verdict, lnE } of analyse(evidence, design, 0).metrics) {
      if (role !== 'guardrail') continue;
      if (verdict === 'harmful') wrong[`${metric}: harmful`] = true;
      if ((lnE?.[proof] ?? 0) >= -Math.log(design.alpha)) wrong[`${metric}: ${named}`] = true;
    }
  }
  return wrong;
}
