import { type AllocationCommanded, type ExperimentAnalysed, type ExperimentDefined, isCopy } from '#libs/contracts';
import { analyse, type Evidence, evidenceDesign, mergeEvidence } from '#libs/evidence';
import { foldInto, type Machine, QueuedTraffic } from '../traffic/index.js';
import type { SimulatedService } from './play.js';

/** A service at the limit of its machine, whose latency is all that is known of it; its events go through the evidence as in production. */
export function queuedService(options: {
  readonly seed: number;
  readonly definition: ExperimentDefined;
  readonly machine: Machine;
  readonly partitions: number;
}): SimulatedService {
  const { seed, definition, machine, partitions } = options;
  const design = evidenceDesign(definition, partitions);
  const traffic = new QueuedTraffic(seed, machine);
  const parts = new Map<string, Evidence>();
  return {
    get atMs() {
      return traffic.atMs;
    },
    next() {
      for (;;) {
        const event = traffic.next();
        foldInto(parts, design, { event }, partitions);
        const { assignment } = event.data;
        if (assignment !== null && !isCopy(assignment)) return assignment.variant === 'candidate';
      }
    },
    obey(command: AllocationCommanded) {
      traffic.obey(command);
    },
    analysis(): ExperimentAnalysed {
      const { atMs } = traffic;
      const analysedAt = new Date(atMs).toISOString();
      const evidence = [...parts.values()].reduce(mergeEvidence);
      return { ...analyse(evidence, design, atMs), analysisId: `analysis-at-${analysedAt}`, analysedAt };
    },
  };
}
