import type { ExperimentDefined } from '#libs/contracts';
import { type EvidenceDesign, evidenceDesign, metricCatalogue } from '#libs/evidence';

/**
 * The design of one partition without what is only observed. Every metric has evidence of its own and what is observed decides nothing, so the verdicts are
 * those of the whole catalogue, at half the price of a run.
 */
export function judgedDesign(definition: ExperimentDefined): EvidenceDesign {
  const whole = evidenceDesign(definition, 1);
  const judged = new Set(
    whole.metrics.flatMap(({ role, definition: { name } }) => (role === 'observed' ? [] : [name])),
  );
  return evidenceDesign(
    definition,
    1,
    metricCatalogue.filter(({ name }) => judged.has(name)),
  );
}
