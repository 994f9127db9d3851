import { type ExperimentSpec, MILLION } from '#libs/contracts';

/** What the shadow takes, during which nobody is exposed. */
export interface ShadowPlan {
  readonly pairs: number;
  readonly ratePpm: number;
  readonly concurrency: number;
  /** Nothing follows it. */
  readonly isAll: boolean;
  /** Until its pairs are complete, if each request that is drawn can be copied. */
  readonly requests: number;
  readonly hours: number;
  /** What half of the equal candidates are allowed then; the ramp's first share where that is larger. */
  readonly allowedPpm: number;
}

/**
 * Pairs after which half of the equal candidates are allowed a share, at usual margins: `lab/calibrate/pairs-table.ts`, in the page of the deciding
 * e-processes under "The share that pairs allow".
 */
const USUALLY_ALLOWED: readonly (readonly [pairs: number, sharePpm: number])[] = [
  [210, 100_000],
  [350, 200_000],
  [1_145, 500_000],
];

/** Null for an experiment without a shadow. */
export function planShadow({ shadow, ramp }: ExperimentSpec, requestsPerHour: number): ShadowPlan | null {
  if (shadow === undefined) return null;
  const { pairs, ratePpm, concurrency, only } = shadow;
  const requests = Math.ceil((pairs * MILLION) / ratePpm);
  const [, largestPpm] = USUALLY_ALLOWED.findLast(([needed]) => pairs >= needed) ?? [0, 0];
  const stages = ramp.stages.map(({ weightPpm }) => weightPpm).filter((ppm) => ppm < MILLION);
  const allowedPpm = stages.findLast((ppm) => ppm <= largestPpm) ?? stages[0] ?? 0;
  const isAll = only ?? false;
  return { pairs, ratePpm, concurrency, isAll, requests, hours: requests / requestsPerHour, allowedPpm };
}
