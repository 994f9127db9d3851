import type { ExperimentSpec, RequestRouted } from '#libs/contracts';
import { analyse, foldEvent, initialEvidence, type RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';

const LOOK_EVERY = 100;
const LATENCY_MARGIN = 0.1;
/** Logarithms of latencies: their mean and their spread. */
const MEDIAN_MS = 800;
const SPREAD = 0.3;
/**
 * How long people wait before they leave: exponential, so that who would have waited longer for the picture left more often. With this mean 7 % leave
 * (the mean of 1 − e^{−T/p} over the latencies T).
 */
const PATIENCE_MS = 11_500;

interface Situation {
  readonly share: number;
  /** Whether people leave. */
  readonly isImpatient?: boolean;
  /** Share of the requests that the service fails, after 3 ms. */
  readonly failing?: { readonly control: number; readonly candidate: number };
}

/**
 * Requests without a picture, and latencies of one law. Equal candidates are never slower nor faster, at the boundary of no difference, however many clients leave and
 * however much more often one variant fails; one that is slower by the margin is never within it.
 */
export const withoutPictures: readonly RealTrafficRow[] = [
  ...rows('7 % of clients leave, in both variants, 50 %', { share: 0.5, isImpatient: true }),
  ...rows('7 % of clients leave, in both variants, 5 %', { share: 0.05, isImpatient: true }),
  ...rows('control fails 80 %, the candidate 1 %, share 20 %', {
    share: 0.2,
    failing: { control: 0.8, candidate: 0.01 },
  }),
  ...rows('control fails 1 %, the candidate 50 %, share 20 %', {
    share: 0.2,
    failing: { control: 0.01, candidate: 0.5 },
  }),
];

function rows(name: string, situation: Situation): readonly RealTrafficRow[] {
  return [
    {
      name: `${name}, equal latency`,
      run: (requests, random) => {
        const verdicts = play(situation, 1, requests, random);
        return {
          'latency-p95: harmful': verdicts.has('latency-p95 harmful'),
          'latency-p95: superior': verdicts.has('latency-p95 superior'),
          ...(situation.isImpatient ? { 'delivery-rate: harmful': verdicts.has('delivery-rate harmful') } : {}),
        };
      },
    },
    {
      name: `${name}, slower by the margin`,
      run: (requests, random) => {
        const verdicts = play(situation, 1 + LATENCY_MARGIN, requests, random);
        return {
          'latency-p95: non-inferior or superior':
            verdicts.has('latency-p95 non-inferior') || verdicts.has('latency-p95 superior'),
        };
      },
    },
  ];
}

/** The verdicts that were ever given, as `metric verdict`. */
function play(situation: Situation, slower: number, requests: number, random: SimulationRandom): ReadonlySet<string> {
  const guardrails = (['delivery-rate', 'latency-p95'] as const).map((metric) => ({
    metric,
    margin: { kind: metric === 'latency-p95' ? ('relative' as const) : ('absolute' as const), value: LATENCY_MARGIN },
    rollbackOn: 'any-harm' as const,
  }));
  const spec: Partial<ExperimentSpec> = { guardrails, unit: 'request' };
  const design = judgedDesign(definition(spec));
  const evidence = initialEvidence(design);
  // Of failed requests the traffic has no other events; what becomes of them is decided here.
  const failed = { errorRate: 1 };
  const traffic = new SimulatedTraffic(Math.floor(2 ** 31 * random.uniform()), { control: failed, candidate: failed });
  traffic.candidateShare = situation.share;
  const verdicts = new Set<string>();
  for (let request = 1; request <= requests; request++) {
    const [event] = traffic.next();
    if (event?.type !== 'request.routed.v1') continue;
    foldEvent(evidence, design, withFate(event, situation, slower, random));
    if (request % LOOK_EVERY !== 0) continue;
    const { metrics } = analyse(evidence, design, traffic.atMs);
    for (const { metric, verdict } of metrics) verdicts.add(`${metric} ${verdict}`);
  }
  return verdicts;
}

function withFate(
  event: RequestEvent & { readonly data: RequestRouted },
  { isImpatient = false, failing = { control: 0, candidate: 0 } }: Situation,
  slower: number,
  random: SimulationRandom,
): RequestEvent {
  const arm = event.data.assignment?.variant === 'candidate' ? 'candidate' : 'control';
  const durationMs = (arm === 'candidate' ? slower : 1) * MEDIAN_MS * Math.exp(SPREAD * random.normal());
  const patienceMs = isImpatient ? -PATIENCE_MS * Math.log(1 - random.uniform()) : Infinity;
  const fate: Partial<RequestRouted> =
    random.uniform() < failing[arm]
      ? { outcome: 'server-error', status: 500, durationMs: 3 }
      : patienceMs < durationMs
        ? { outcome: 'cancelled', status: null, durationMs: null, waitedMs: patienceMs }
        : { outcome: 'delivered', status: 200, durationMs };
  return { ...event, data: { ...event.data, ...fate } } as RequestEvent;
}
