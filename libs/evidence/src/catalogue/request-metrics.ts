import { type DataOf, isDelivered } from '#libs/contracts';
import { latencyMs, waitedMsOf } from './durations.js';
import { type MetricDefinition, USUAL_BURN_IN } from './definition.js';

const topic = 'request.routed.v1';

/** What the router sees of a request, which includes what a dead upstream can't report. */
export const requestMetrics: readonly MetricDefinition[] = [
  {
    name: 'delivery-rate',
    description:
      'Requests that got a picture, among all but those whose client left within 10 s. Guards every canary that does not turn it off.',
    unit: 'share of requests',
    direction: 'higher',
    defaultRole: 'observed',
    guards: { canariesWith: 'anything', margin: { kind: 'absolute', value: 0.02 } },
    kind: 'rate',
    scale: 'difference',
    topic,
    // Proven no later than error-rate at its usual +0.5 pp, as long as control delivers to four of five.
    defaultMargin: { kind: 'absolute', value: 0.02 },
    floor: 0.001,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: (data) => (isEarlyDeparture(data) || isExposure(data) ? null : Number(isDelivered(data.outcome))),
  },
  {
    name: 'abandon-rate',
    description: 'Requests whose client left before it had an answer.',
    unit: 'share of requests',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.01 },
    floor: 0.001,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: (data) => (isExposure(data) ? null : Number(data.outcome === 'cancelled')),
  },
  {
    name: 'error-rate',
    description:
      'Requests that the service failed: a server’s error, one inside a 2xx, no answer in time, a 503 of a full queue. A caller’s own error or departure is none.',
    unit: 'share of requests',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.005 },
    floor: 0.001,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: (data) => (isExposure(data) ? null : Number(isServiceFailure(data))),
  },
  {
    name: 'timeout-rate',
    description: 'Requests that got no answer in time.',
    unit: 'share of requests',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.005 },
    floor: 0.001,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: (data) => (isExposure(data) ? null : Number(data.outcome === 'timed-out')),
  },
  latency('latency-p50', '50 % of the requests were faster.', 0.5),
  latency('latency-p95', '95 % of the requests were faster.', 0.95),
  latency('latency-p99', '99 % of the requests were faster.', 0.99),
];

/**
 * Up to here people's attention stays with what they wait for (J. Nielsen, Usability Engineering, 1993, ch. 5): who leaves sooner did not
 * leave because of the wait.
 */
const EARLY_DEPARTURE_MS = 10_000;

function isEarlyDeparture(data: DataOf<typeof topic>): boolean {
  return data.outcome === 'cancelled' && (waitedMsOf(data) ?? 0) < EARLY_DEPARTURE_MS;
}

/** Nothing was asked of a service, so nothing can be said of one. */
function isExposure({ outcome }: DataOf<typeof topic>): boolean {
  return outcome === 'exposed';
}

/** Whether the service failed the request; a caller's own error or departure is no failure. */
export function isServiceFailure({ outcome, status }: DataOf<typeof topic>): boolean {
  switch (outcome) {
    case 'server-error':
    case 'failed-inside-2xx':
    case 'timed-out':
      return true;
    case 'refused':
      // A rate limit (429) is between the service and one caller.
      return status !== null && status >= 500;
    case 'delivered':
    case 'cached':
    case 'filtered':
    case 'caller-error':
    case 'cancelled':
    case 'exposed':
      return false;
    default:
      return outcome satisfies never;
  }
}

function latency(name: string, description: string, level: number): MetricDefinition {
  return {
    name,
    description,
    unit: 'ms',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'upper-tail',
    level,
    scale: 'relative',
    topic,
    defaultMargin: { kind: 'relative', value: 0.1 },
    floor: 1,
    cap: { kind: 'none' },
    burnInUnits: 1,
    lateData: 'infinite',
    isJudgedWarm: true,
    observe: latencyMs,
  };
}
