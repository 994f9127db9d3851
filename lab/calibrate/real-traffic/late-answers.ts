import type { Guardrail } from '#libs/contracts';
import type { RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { SimulatedTraffic } from '#libs/testing/traffic';
import { type Course, requestsOf, rowsOf } from './courses.js';
import { inOrderOfTime, type WorseBy, wrongDecisions } from './looks.js';
import type { RealTrafficRow } from './row.js';

const REQUESTS_PER_SECOND = 20;
/** The candidate takes so many times as long: its answers come seven seconds, or 140 requests, after those to requests of the same time. */
const SLOWER = 10;
const ALIGNMENT = { mean: 0.3, spread: 0.035, margin: 0.01 };
const COST_MARGIN = 0.05;

/**
 * What both variants drift by within an hour, when a request is assigned: of alignment in standard deviations, and of the cost as a factor. What comes seven
 * seconds later is of the traffic of seven seconds before, so a variant differs by seven seconds of the drift: within minutes instead of an hour these
 * would be differences that can be proven, and were called harm in 21 of 30 runs.
 */
interface Drift {
  readonly alignment: (hours: number) => number;
  readonly cost: (hours: number) => number;
}

const drifts: Readonly<Record<string, Drift>> = {
  'a trend': { alignment: (hours) => -2 * hours, cost: (hours) => 1 + hours },
  swings: {
    alignment: (hours) => 2 * Math.sin(2 * Math.PI * hours),
    cost: (hours) => 1 + 0.5 * Math.sin(2 * Math.PI * hours),
  },
};

/**
 * Events come in the order in which requests are answered, not in that in which they were assigned; of a slow candidate later than of control.
 * While both variants drift, what comes at one time is of the traffic of two. Latency is not judged: the candidate is known to be slower.
 */
export const lateAnswers: readonly RealTrafficRow[] = Object.entries(drifts).flatMap(([what, drift]) =>
  rowsOf(`answers ten times as late under ${what} of both variants`, (...run) => play(drift, ...run)),
);

function play(
  drift: Drift,
  { truth, share }: Course,
  requests: number,
  random: SimulationRandom,
): Readonly<Record<string, boolean>> {
  const traffic = new SimulatedTraffic(
    Math.floor(2 ** 31 * random.uniform()),
    { candidate: { latencyFactor: SLOWER } },
    REQUESTS_PER_SECOND,
  );
  const events = requestsOf(traffic, share, requests).flatMap((ofRequest, request) => {
    const hours = request / REQUESTS_PER_SECOND / 3_600;
    return ofRequest.map((event) => drifted(event, drift, hours, truth));
  });
  return wrongDecisions({ guardrails: guardrailsOf(truth) }, inOrderOfTime(events), truth);
}

/** A candidate at the margin is worse by what the margin is at the beginning, all along. */
function drifted(event: RequestEvent, drift: Drift, hours: number, truth: WorseBy): RequestEvent {
  const isWorse = truth === 'at the margin' && event.data.assignment?.variant === 'candidate';
  const { mean, spread, margin } = ALIGNMENT;
  if (event.type === 'image.scored.v1') {
    const { alignment } = event.data;
    if (alignment === null) return event;
    const moved = spread * drift.alignment(hours) - (isWorse ? margin * mean : 0);
    return { ...event, data: { ...event.data, alignment: alignment + moved } };
  }
  if (event.type !== 'generation.completed.v1' || event.data.cost === null) return event;
  const worse = isWorse ? 0.002 * Math.exp(0.15 ** 2 / 2) * COST_MARGIN : 0;
  return { ...event, data: { ...event.data, cost: event.data.cost * drift.cost(hours) + worse } };
}

function guardrailsOf(truth: WorseBy): Guardrail[] {
  const rollbackOn = truth === 'no effect' ? 'any-harm' : 'beyond-margin';
  return [
    { metric: 'alignment', margin: { kind: 'relative', value: ALIGNMENT.margin }, rollbackOn },
    { metric: 'cost-per-image', margin: { kind: 'relative', value: COST_MARGIN }, rollbackOn },
  ];
}
