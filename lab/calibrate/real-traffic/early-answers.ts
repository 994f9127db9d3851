import type { Guardrail } from '#libs/contracts';
import type { RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { SimulatedTraffic } from '#libs/testing/traffic';
import { type Course, requestsOf, rowsOf } from './courses.js';
import { inOrderOfTime, wrongDecisions } from './looks.js';
import type { RealTrafficRow } from './row.js';

const REQUESTS_PER_SECOND = 20;
/** How long a picture takes, and how long a failure. */
const PICTURE_MS = { control: 10_000, candidate: 5_000 };
const FAILURE_MS = 20;
const ERROR_RATE = 0.03;
const MARGIN = 0.02;

/**
 * Pictures take their time and failures none, and the candidate's pictures come in half of control's: for five seconds of a run (100 requests) control has failures to show alone, and the
 * candidate pictures as well. By what was bet on then every such candidate was proven no worse, one that fails five times as often too.
 */
export const earlyAnswers: readonly RealTrafficRow[] = rowsOf(
  'pictures of ten seconds, failures at once, answers in half the time',
  (...run) => play(...run),
);

function play({ truth, share }: Course, requests: number, random: SimulationRandom): Readonly<Record<string, boolean>> {
  const isWorse = truth === 'at the margin';
  const traffic = new SimulatedTraffic(
    Math.floor(2 ** 31 * random.uniform()),
    { control: { errorRate: ERROR_RATE }, candidate: { errorRate: ERROR_RATE + (isWorse ? MARGIN : 0) } },
    REQUESTS_PER_SECOND,
  );
  const events = requestsOf(traffic, share, requests).flatMap((ofRequest) => ofRequest.flatMap(whenItEnds));
  return wrongDecisions({ guardrails: guardrailsOf(isWorse) }, inOrderOfTime(events), truth);
}

function whenItEnds(event: RequestEvent): readonly RequestEvent[] {
  if (event.type !== 'request.routed.v1') return [];
  const isFailed = event.data.outcome !== 'delivered';
  const variant = event.data.assignment?.variant === 'candidate' ? 'candidate' : 'control';
  const durationMs = isFailed ? FAILURE_MS : PICTURE_MS[variant];
  const time = new Date(Date.parse(event.data.startedAt) + durationMs).toISOString();
  return [{ ...event, time, data: { ...event.data, durationMs: isFailed ? null : durationMs } }];
}

function guardrailsOf(isWorse: boolean): Guardrail[] {
  const rollbackOn = isWorse ? 'beyond-margin' : 'any-harm';
  return ['error-rate', 'delivery-rate'].map((metric) => ({
    metric,
    margin: { kind: 'absolute', value: MARGIN },
    rollbackOn,
  }));
}
