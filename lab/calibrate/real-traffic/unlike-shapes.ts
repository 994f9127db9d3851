import { normalUpperQuantile } from '#libs/statistics';
import type { SimulationRandom } from '#libs/testing/random';
import { SimulatedTraffic } from '#libs/testing/traffic';
import { type Course, requestsOf, rowsOf } from './courses.js';
import { LOOKED_AT_MARGIN, latencyGuardrail, wrongDecisions } from './looks.js';
import type { RealTrafficRow } from './row.js';

/** The 95th percentile of both variants. */
const P95_MS = 1_300;
const CONTROL_SPREAD = 0.3;

/** A latency of which 95 % are below 1. */
type Shape = (random: SimulationRandom) => number;

function lognormal(spread: number): Shape {
  return (random) => Math.exp(spread * (random.normal() - normalUpperQuantile(0.05)));
}

/** Nine answers in ten come from a cache in a tenth of the time; of the others half take longer than the 95th percentile of all. */
const cached: Shape = (random) => (random.uniform() < 0.9 ? 0.1 : 1) * Math.exp(CONTROL_SPREAD * random.normal());

const shapes: Readonly<Record<string, Shape>> = {
  'a third as wide': lognormal(CONTROL_SPREAD / 3),
  'three times as wide': lognormal(3 * CONTROL_SPREAD),
  'nine in ten from a cache': cached,
};

/**
 * A candidate whose latency is spread in another way than control's, lognormal one, with an equal 95th percentile or with one that is higher by the
 * margin. What is compared is how often values lie beyond a limit that was read from control's past, and beyond one that is a little
 * off the two laws lie unequally often.
 */
export const unlikeShapes: readonly RealTrafficRow[] = Object.entries(shapes).flatMap(([what, shape]) =>
  rowsOf(`equal p95 of unlike shapes, ${what}`, (...run) => play(shape, ...run)),
);

function play(
  shape: Shape,
  { truth, share }: Course,
  requests: number,
  random: SimulationRandom,
): Readonly<Record<string, boolean>> {
  const traffic = new SimulatedTraffic(Math.floor(2 ** 31 * random.uniform()), {
    control: { errorRate: 0 },
    candidate: { errorRate: 0 },
  });
  const control = lognormal(CONTROL_SPREAD);
  const slower = truth === 'no effect' ? 1 : 1 + LOOKED_AT_MARGIN;
  const timed = requestsOf(traffic, share, requests).flatMap(([event]) => {
    if (event?.type !== 'request.routed.v1') return [];
    const isCandidate = event.data.assignment?.variant === 'candidate';
    const durationMs = P95_MS * (isCandidate ? slower * shape(random) : control(random));
    return [{ ...event, data: { ...event.data, durationMs } }];
  });
  return wrongDecisions({ guardrails: [latencyGuardrail(truth)] }, timed, truth);
}
