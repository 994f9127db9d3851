import { z } from 'zod';
import { durationOfAtLeast, parseDurationMs } from './duration.js';
import { DEFAULT_WARM_UP, type ExperimentSpec } from './spec.js';

/** By which requests of who has just started latency is not judged, as people write it. */
export const warmUpFile = z.union(
  [
    z.literal('off'),
    z.strictObject({
      requests: z.int().min(1).max(100_000).default(DEFAULT_WARM_UP.requests),
      for: durationOfAtLeast('1ms').default('60s'),
    }),
  ],
  { error: 'expected off, or how long a start takes, such as { requests: 20, for: 60s }' },
);

/** The default is left out, so that an experiment that says nothing of it is the same revision as before there was one. */
export function readWarmUp(warmUp: z.output<typeof warmUpFile>): Pick<ExperimentSpec, 'warmUp'> {
  if (warmUp === 'off') return { warmUp };
  const forMs = parseDurationMs(warmUp.for);
  const isDefault = warmUp.requests === DEFAULT_WARM_UP.requests && forMs === DEFAULT_WARM_UP.forMs;
  return isDefault ? {} : { warmUp: { requests: warmUp.requests, forMs } };
}
