import type { AllocationCommanded, ExperimentAnalysed, ExperimentDefined } from '#libs/contracts';
import { analyse, type Evidence, evidenceDesign, mergeEvidence } from '#libs/evidence';
import { foldInto } from '../traffic/index.js';
import { type Behaviour, SimulatedTraffic } from '../traffic/index.js';
import type { SimulatedService } from './play.js';

/**
 * Simulated traffic, one unit per request, whose events all go through the evidence as in production.
 * @param drawn the candidate's real share of the requests, as a multiple of the ordered one.
 */
export function foldedService(options: {
  readonly seed: number;
  readonly definition: ExperimentDefined;
  readonly candidate: Behaviour;
  readonly partitions?: number;
  readonly drawn?: number;
}): SimulatedService {
  const { seed, definition, candidate, partitions = 1, drawn = 1 } = options;
  const design = evidenceDesign(definition, partitions);
  const traffic = new SimulatedTraffic(seed, { candidate });
  traffic.drawn = drawn;
  const parts = new Map<string, Evidence>();
  return {
    get atMs() {
      return traffic.atMs;
    },
    next() {
      const events = traffic.next();
      for (const event of events) foldInto(parts, design, { event }, partitions);
      return events[0]?.data.assignment?.variant === 'candidate';
    },
    obey({ weightsPpm, epoch, stage }: AllocationCommanded) {
      traffic.candidateShare = (weightsPpm['candidate'] as number) / 1e6;
      traffic.epoch = epoch;
      traffic.stage = stage;
    },
    analysis(): ExperimentAnalysed {
      const analysedAt = new Date(traffic.atMs).toISOString();
      const evidence = [...parts.values()].reduce(mergeEvidence);
      return { ...analyse(evidence, design, traffic.atMs), analysisId: `analysis-at-${analysedAt}`, analysedAt };
    },
  };
}
