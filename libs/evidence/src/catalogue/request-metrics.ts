import { latencyMs } from './durations.js';
import { type MetricDefinition, USUAL_BURN_IN } from './definition.js';

const topic = 'request.routed.v1';

/** What the router sees of a request, which includes what a dead upstream can't report. */
export const requestMetrics: readonly MetricDefinition[] = [
  {
    name: 'error-rate',
    description: 'Requests that failed or timed out; a client’s own error or departure is no failure.',
    unit: 'share of requests',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.005 },
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: ({ outcome }) => (outcome === 'failed' || outcome === 'timed-out' ? 1 : 0),
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
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: ({ outcome }) => (outcome === 'timed-out' ? 1 : 0),
  },
  latency('latency-p50', '50 % of the requests were faster.', 0.5),
  latency('latency-p95', '95 % of the requests were faster.', 0.95),
  latency('latency-p99', '99 % of the requests were faster.', 0.99),
];

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
    cap: { kind: 'none' },
    burnInUnits: 1,
    lateData: 'infinite',
    observe: latencyMs,
  };
}
