import type { EvidenceDesign } from '../catalogue/evidence-design.js';
import type { Evidence } from '../fold/evidence.js';
import { decodeEvidence, encodeEvidence } from './evidence-codec.js';
import type { MetricChange } from './metric-identity.js';

/**
 * Evidence that goes on under another policy of its revision, as it would after a restart: what is said of a metric whose test is still the
 * same goes on bit for bit; one whose test is another one starts afresh with the units that have not been seen yet. To test at another margin
 * after having looked is another test, so that the level of each holds from its own beginning.
 * Its memory of units is handed over whole by the next `takeChanges`.
 * @param evidence not to be used any more.
 * @param onChange called for each metric that does not go on.
 */
export function judgeAnew(
  evidence: Evidence,
  design: EvidenceDesign,
  onChange: (change: MetricChange) => void = () => undefined,
): Evidence {
  const after = decodeEvidence(design, encodeEvidence(evidence), [evidence.units.everything()], onChange);
  after.units.handOverAll();
  return after;
}
