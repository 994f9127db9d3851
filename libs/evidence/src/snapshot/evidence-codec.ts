import { decodeCoverage, encodeCoverage, type EncodedCoverage } from '../fold/coverage.js';
import type { EvidenceDesign } from '../catalogue/evidence-design.js';
import { type Evidence, initialEvidence } from '../fold/evidence.js';
import { decodePair, encodePair, type EncodedPair } from '../fold/pair-evidence.js';
import { decodePictures, encodePictures, type EncodedPictures } from '../fold/recent-pictures.js';
import { decodeTraffic, encodeTraffic, type EncodedTraffic } from '../fold/traffic.js';
import type { UnitChanges } from '../fold/unit-memory.js';

/** Changes whenever the layout does: evidence of another layout is folded again from the log. */
export const EVIDENCE_LAYOUT = 6;

/** Evidence as plain JSON, every double exactly. The memory of units travels apart (`evidence.units.takeChanges()`), as bytes. */
export interface EncodedEvidence {
  readonly layout: number;
  readonly traffic: EncodedTraffic;
  readonly coverage: EncodedCoverage;
  readonly pairs: readonly (readonly [string, EncodedPair])[];
  readonly recentPictures: EncodedPictures;
  readonly newestEpoch: number;
  readonly newestStage: number;
  readonly busySeconds: readonly number[];
  readonly newestAtMs: Evidence['newestAtMs'];
  readonly scorer: string | null;
  readonly foreignScores: number;
}

export function encodeEvidence(evidence: Evidence): EncodedEvidence {
  return {
    layout: EVIDENCE_LAYOUT,
    traffic: encodeTraffic(evidence.traffic),
    coverage: encodeCoverage(evidence.coverage),
    pairs: [...evidence.pairs].map(([candidate, pair]) => [candidate, encodePair(pair)] as const),
    recentPictures: encodePictures(evidence.recentPictures),
    newestEpoch: evidence.newestEpoch,
    newestStage: evidence.newestStage,
    busySeconds: [...evidence.busySeconds],
    newestAtMs: { ...evidence.newestAtMs },
    scorer: evidence.scorer,
    foreignScores: evidence.foreignScores,
  };
}

/**
 * Evidence that continues exactly where the encoded one stood.
 * @param units everything the memory handed over, in order.
 * @throws RangeError when the layout is another one.
 */
export function decodeEvidence(
  design: EvidenceDesign,
  encoded: EncodedEvidence,
  units: readonly UnitChanges[],
): Evidence {
  if (encoded.layout !== EVIDENCE_LAYOUT) {
    throw new RangeError(
      `evidence has layout ${encoded.layout}, expected ${EVIDENCE_LAYOUT}: fold it again from the log`,
    );
  }
  const evidence: Evidence = {
    ...initialEvidence(design),
    traffic: decodeTraffic(encoded.traffic),
    coverage: decodeCoverage(encoded.coverage),
    pairs: new Map(encoded.pairs.map(([candidate, pair]) => [candidate, decodePair(pair, design)])),
    recentPictures: decodePictures(encoded.recentPictures),
    newestEpoch: encoded.newestEpoch,
    newestStage: encoded.newestStage,
    busySeconds: encoded.busySeconds,
    newestAtMs: { ...encoded.newestAtMs },
    scorer: encoded.scorer,
    foreignScores: encoded.foreignScores,
  };
  for (const changes of units) evidence.units.apply(changes);
  return evidence;
}
