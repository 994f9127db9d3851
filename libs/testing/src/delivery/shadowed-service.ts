import { type AllocationCommanded, type ExperimentAnalysed, type ExperimentDefined, MILLION } from '#libs/contracts';
import { analyse, type Evidence, evidenceDesign, mergeEvidence, type RequestEvent } from '#libs/evidence';
import { simulationRandom } from '../random/index.js';
import { type Behaviour, foldInto, PairedTraffic, SimulatedTraffic } from '../traffic/index.js';
import type { SimulatedService } from './play.js';

/**
 * A service that obeys a shadow as routers do: while the order says so, every request is control's and some are copied, afterwards they are drawn. One
 * unit per request; all events go through the evidence as in production.
 */
export function shadowedService(options: {
  readonly seed: number;
  readonly definition: ExperimentDefined;
  readonly candidate: Behaviour;
}): SimulatedService {
  const { seed, definition, candidate } = options;
  const design = evidenceDesign(definition, 1);
  const random = simulationRandom(seed + 1_000_003);
  const paired = new PairedTraffic(seed, { candidate });
  const drawn = new SimulatedTraffic(seed, { candidate });
  const parts = new Map<string, Evidence>();
  let ratePpm = 0;
  let isInShadow = false;
  let shadowed = 0;
  const inShadow = (): readonly RequestEvent[] => {
    shadowed += 1;
    if (random.uniform() >= ratePpm / MILLION) return paired.alone();
    const { original, copy } = paired.pair();
    return [...original, ...copy];
  };
  return {
    get atMs() {
      return isInShadow ? paired.atMs : drawn.atMs;
    },
    next() {
      const events = isInShadow ? inShadow() : drawn.next();
      for (const event of events) foldInto(parts, design, { event }, 1);
      return !isInShadow && events[0]?.data.assignment?.variant === 'candidate';
    },
    obey({ weightsPpm, epoch, stage, shadow }: AllocationCommanded) {
      if (isInShadow && shadow === undefined) drawn.goOnAfter(shadowed);
      isInShadow = shadow !== undefined;
      ratePpm = shadow?.ratePpm ?? 0;
      drawn.candidateShare = (weightsPpm['candidate'] as number) / MILLION;
      drawn.epoch = epoch;
      drawn.stage = stage;
    },
    analysis(): ExperimentAnalysed {
      const { atMs } = this;
      const analysedAt = new Date(atMs).toISOString();
      const evidence = [...parts.values()].reduce(mergeEvidence);
      return { ...analyse(evidence, design, atMs), analysisId: `analysis-at-${analysedAt}`, analysedAt };
    },
  };
}
