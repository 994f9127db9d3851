import { parseExperimentFile } from '#libs/contracts';
import {
  analyse,
  type EvidenceDesign,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  knownMetrics,
  type RequestEvent,
} from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';

const LOOK_EVERY = 100;
const WINDOW_MS = 10_000;
const BETWEEN_USERS_MS = 100;
/** Requests of a user of control in the window after the first; a worse candidate's are fewer by the margin. */
const PER_WINDOW = 1.5;
const FEWER = 0.5;

const FILE = `apiVersion: teststrip/v1
key: exp
service: text-to-image
kind: canary
variants:
  control: { upstream: "http://control:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: fp16 } }
  candidate: { upstream: "http://candidate:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: int8 } }
ramp: [{ weight: 50% }, { weight: 100% }]
guardrails: [{ metric: requests, margin: -${FEWER} }, { metric: error-rate, margin: +0.5pp }, { metric: delivery-rate, off: true }]
metrics: [{ name: requests, path: request.routed.v1, kind: total, window: 10s, direction: higher }]
`;

/** Margin of a quotient, and changes of its two parts that together are exactly it. */
const MARGIN = 0.3;
const CHANGES: Readonly<Record<string, { readonly cost: number; readonly memory: number }>> = {
  'the numerator': { cost: 1 + MARGIN, memory: 1 },
  'both parts': { cost: 1.5, memory: 1.5 / (1 + MARGIN) },
};

/** A total per user, and quotients of two means, of candidates that are worse by exactly the margin: neither proof is right. */
export const totalsAndQuotients: readonly RealTrafficRow[] = [
  ...[0.5, 0.05].map((share): RealTrafficRow => ({
    name: `requests per user in 10 s, ${share * 100} %, at the margin`,
    run: (requests, random) => playTotals(share, requests, random),
  })),
  ...Object.keys(CHANGES).map((what): RealTrafficRow => ({
    name: `a quotient that is worse in ${what}, 50 %, at the margin`,
    run: (requests, random) => playQuotient(what, requests, random),
  })),
];

function playTotals(share: number, requests: number, random: SimulationRandom): Readonly<Record<string, boolean>> {
  const spec = parseExperimentFile(FILE, 'experiment.yaml', knownMetrics);
  // Only the total is folded.
  const design = evidenceDesign({ ...definition(), spec }, 1, []);
  const template = firstOf('request.routed.v1');
  const users = Math.ceil(requests / (1 + PER_WINDOW));
  const visits = Array.from({ length: users }, (_, user) => visitsOf(user, share, random)).flat();
  visits.sort((a, b) => a.atMs - b.atMs);
  return play(
    design,
    'requests',
    visits.map(({ unit, atMs, isCandidate }) => withUnit(template, { unit, atMs, isCandidate, share })),
  );
}

interface Visit {
  readonly unit: string;
  readonly atMs: number;
  readonly isCandidate: boolean;
}

function visitsOf(user: number, share: number, random: SimulationRandom): readonly Visit[] {
  const isCandidate = random.uniform() < share;
  const beganMs = user * BETWEEN_USERS_MS;
  const perWindow = PER_WINDOW - (isCandidate ? FEWER : 0);
  const visits: Visit[] = [];
  for (let atMs = beganMs; atMs < beganMs + WINDOW_MS; atMs -= (Math.log(1 - random.uniform()) * WINDOW_MS) / perWindow)
    visits.push({ unit: `u${user}`, atMs, isCandidate });
  return visits;
}

function playQuotient(what: string, requests: number, random: SimulationRandom): Readonly<Record<string, boolean>> {
  const design = judgedDesign(
    definition({
      unit: 'request',
      guardrails: [{ metric: 'q', margin: { kind: 'relative', value: MARGIN }, rollbackOn: 'beyond-margin' }],
      quotients: [{ name: 'q', of: 'cost-per-image', per: 'gpu-memory', direction: 'lower', unit: '' }],
    }),
  );
  const template = firstOf('generation.completed.v1');
  const change = CHANGES[what] as (typeof CHANGES)[string];
  const events = Array.from({ length: requests }, (_, request) => {
    const isCandidate = random.uniform() < 0.5;
    // What a request asks for makes both parts larger.
    const size = Math.exp(0.2 * random.normal());
    const cost = size * Math.exp(0.2 * random.normal()) * (isCandidate ? change.cost : 1);
    const memoryMiB = 1_000 * size * Math.exp(0.1 * random.normal()) * (isCandidate ? change.memory : 1);
    const event = withUnit(template, { unit: `u${request}`, atMs: request * 100, isCandidate, share: 0.5 });
    const data = {
      ...event.data,
      cost,
      gpu: { ...template.data.gpu, memoryMiB },
      images: template.data.images.slice(0, 1),
    };
    return { ...event, data } as RequestEvent;
  });
  return play(design, 'q', events);
}

function play(
  design: EvidenceDesign,
  name: string,
  events: readonly RequestEvent[],
): Readonly<Record<string, boolean>> {
  const [first] = events;
  const evidence = initialEvidence(design, first?.type ?? null);
  const wrong = { [`${name}: harmful`]: false, [`${name}: non-inferior`]: false };
  events.forEach((event, index) => {
    foldEvent(evidence, design, event);
    if (index % LOOK_EVERY !== LOOK_EVERY - 1) return;
    const { metrics } = analyse(evidence, design, Date.parse(event.time));
    const verdict = metrics.find(({ metric }) => metric === name)?.verdict;
    if (verdict === 'harmful') wrong[`${name}: harmful`] = true;
    if (verdict === 'non-inferior' || verdict === 'superior') wrong[`${name}: non-inferior`] = true;
  });
  return wrong;
}

type EventOfType<T extends RequestEvent['type']> = Extract<RequestEvent, { readonly type: T }>;

function firstOf<T extends RequestEvent['type']>(type: T): EventOfType<T> {
  const found = new SimulatedTraffic(1).next().find((event) => event.type === type);
  if (found === undefined) throw new RangeError(`simulated traffic without ${type}`);
  return found as EventOfType<T>;
}

function withUnit<E extends RequestEvent>(
  template: E,
  { unit, atMs, isCandidate, share }: Visit & { readonly share: number },
): E {
  const candidate = Math.round(1e6 * share);
  const weightsPpm = { control: 1e6 - candidate, candidate };
  const variant = isCandidate ? 'candidate' : 'control';
  const assignment = { ...template.data.assignment, unit, variant, propensity: weightsPpm[variant] / 1e6, weightsPpm };
  const time = new Date(atMs).toISOString();
  return { ...template, id: `${unit}-${atMs}`, subject: unit, time, data: { ...template.data, assignment } };
}
