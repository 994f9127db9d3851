import type { EvidenceDesign } from '../catalogue/evidence-design.js';
import { initialStrangers, encodeStrangers } from '../fold/strangers.js';
import { encodePictures } from '../fold/recent-pictures.js';
import type { Evidence } from '../fold/evidence.js';
import { encodeTotals, initialTotals } from '../fold/unit-totals.js';
import { encodeWarmthByTopic, initialWarmth } from '../fold/warmth.js';
import { encodePairMemory, initialPairMemory } from '../pairs/pair-memory.js';
import { decodeEvidence, type EncodedEvidence } from './evidence-codec.js';

/** What one part says of an experiment, for whoever adds the parts up. It can't be folded on. */
export interface MergeableEvidence {
  readonly evidence: EncodedEvidence;
  /** Observations that the memory of units has turned away: all that an analysis wants to know of it. */
  readonly refused: number;
}

/** Encoded evidence without what only the fold needs: the memories of units, pairs, pictures, windows and instances, which may be larger than all the rest. */
export function mergeableEvidence(encoded: EncodedEvidence, refused: number): MergeableEvidence {
  const { frame, paired } = encoded;
  const evidence: EncodedEvidence = {
    ...encoded,
    ...(paired === undefined ? {} : { paired: { ...paired, memory: encodePairMemory(initialPairMemory()) } }),
    frame: {
      ...frame,
      recentPictures: encodePictures(new Map()),
      strangers: encodeStrangers(initialStrangers()),
      totals: encodeTotals(initialTotals()),
      warmth: encodeWarmthByTopic(initialWarmth()),
    },
  };
  return { evidence, refused };
}

/**
 * To be merged and analysed as if it had been folded here. Metrics that the design tests otherwise than the part did are empty.
 * @throws RangeError when it is encoded in another form than today's.
 */
export function decodeMergeable(design: EvidenceDesign, { evidence, refused }: MergeableEvidence): Evidence {
  const nobody = { replaces: true, units: new Float64Array(), marks: new Uint32Array(), numbers: new Float64Array() };
  return decodeEvidence(design, evidence, [{ ...nobody, older: 0, refused }]);
}
