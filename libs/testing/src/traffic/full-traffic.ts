import { encodeEmbedding, type OwnMetric, type TeststripEvent } from '#libs/contracts';
import { simulationRandom, type SimulationRandom } from '../random/index.js';
import type { ObservedEvent, RequestEvent } from '#libs/evidence';
import { type Behaviour, definition, SimulatedTraffic } from './simulated-traffic.js';

/** What people and embeddings say of a variant, beside what the {@link Behaviour} of requests says. */
export interface Reception {
  readonly ratingMean?: number;
  readonly thumbsDownShare?: number;
  readonly downloadShare?: number;
  readonly regenerateShare?: number;
  /** Probability that raters prefer the candidate. */
  readonly preferred?: number;
  /** How far pictures lie along the first direction of the embedding. */
  readonly embeddingOffset?: number;
  readonly flaggedShare?: number;
}

export interface FullTraffic {
  readonly seed?: number;
  readonly requests?: number;
  readonly share?: number;
  readonly users?: number;
  readonly candidate?: Behaviour & Reception;
  /** Requests after which the share rises to a half. */
  readonly rampAt?: number;
}

const DIMENSION = 6;

/** Traffic on all topics: requests as in {@link SimulatedTraffic}, embeddings, two quality heads, feedback and judgements. */
export function fullTraffic(options: FullTraffic): readonly ObservedEvent[] {
  const { seed = 1, requests = 1_000, share = 0.5, users = 0, candidate = {}, rampAt = Infinity } = options;
  const traffic = new SimulatedTraffic(seed, { candidate }, 100, users);
  traffic.candidateShare = share;
  const random = simulationRandom(seed + 77);
  const events: ObservedEvent[] = [];
  for (let request = 0; request < requests; request++) {
    if (request === rampAt) traffic.rampTo(0.5);
    for (const event of traffic.next()) {
      const reception = event.data.assignment?.variant === 'candidate' ? candidate : {};
      const rich = enrich(event, reception, random);
      events.push(rich);
      if (rich.type === 'image.scored.v1') events.push(...reactions(rich, reception, random));
    }
    if (request % 5 === 0) events.push(judgement(request, candidate, random, events.at(-1)?.time as string));
  }
  return events;
}

function enrich(event: RequestEvent, reception: Reception, random: SimulationRandom): RequestEvent {
  if (event.type === 'generation.completed.v1') {
    const flagged = random.uniform() < (reception.flaggedShare ?? 0.01);
    const images = event.data.images.map((image) => ({ ...image, flagged }));
    const timings = { ...event.data.timings, queueMs: 5 + 3 * random.uniform() };
    return { ...event, data: { ...event.data, images, timings } };
  }
  if (event.type !== 'image.scored.v1') return event;
  const numbers = Array.from({ length: DIMENSION }, () => random.normal() / 4);
  numbers[0] = (numbers[0] as number) + (reception.embeddingOffset ?? 0);
  const sha256 = Math.floor(random.uniform() * 2 ** 52)
    .toString(16)
    .padEnd(64, 'a');
  const promptClass = (numbers[1] as number) > 0 ? 1 : 0;
  const quality = { ...event.data.quality, sharp: 0.6 + 0.1 * random.normal() };
  return {
    ...event,
    data: {
      ...event.data,
      quality,
      promptClass,
      embedding: encodeEmbedding(numbers),
      image: { ...event.data.image, sha256 },
    },
  };
}

function reactions(
  { data, time, subject }: TeststripEvent<'image.scored.v1'>,
  reception: Reception,
  random: SimulationRandom,
): ObservedEvent[] {
  const { requestId, generationId, service, assignment } = data;
  const feedback = (kind: TeststripEvent<'feedback.recorded.v1'>['data']['kind'], rating: number | null = null) =>
    ({
      specversion: '1.0',
      id: `${generationId}/${kind}`,
      source: 'test',
      type: 'feedback.recorded.v1',
      time,
      subject,
      data: { requestId, generationId, service, assignment, kind, rating, givenAt: time },
    }) as const;
  const happens = (share: number): boolean => random.uniform() < share;
  const given: ObservedEvent[] = [];
  if (happens(0.5)) given.push(feedback(happens(reception.thumbsDownShare ?? 0.2) ? 'thumb-down' : 'thumb-up'));
  if (happens(0.3)) {
    const rating = Math.min(5, Math.max(1, Math.round((reception.ratingMean ?? 4) + random.normal())));
    given.push(feedback('rating', rating));
  }
  if (happens(reception.downloadShare ?? 0.2)) given.push(feedback('download'));
  if (happens(reception.downloadShare ?? 0.2)) given.push(feedback('share'));
  if (happens(reception.regenerateShare ?? 0.1)) given.push(feedback('regenerate'));
  return given;
}

function judgement(
  index: number,
  { preferred = 0.5 }: Reception,
  random: SimulationRandom,
  time: string,
): ObservedEvent {
  const isCandidateLeft = random.uniform() < 0.5;
  const isPreferred = random.uniform() < preferred;
  const side = (isLeft: boolean) => ({
    variant: isCandidateLeft === isLeft ? 'candidate' : 'control',
    generationId: `g${index}`,
  });
  return {
    specversion: '1.0',
    id: `judgement-${index}`,
    source: 'test',
    type: 'preference.judged.v1',
    time,
    subject: 'exp',
    data: {
      experiment: 'exp',
      revision: 1,
      rater: `rater-${index % 7}`,
      prompt: `prompt ${index}`,
      left: side(true),
      right: side(false),
      preferred: random.uniform() < 0.1 ? 'tie' : isPreferred === isCandidateLeft ? 'left' : 'right',
      judgedAt: time,
    },
  };
}

const OWN: OwnMetric = {
  name: 'own-mean',
  topic: 'generation.completed.v1',
  path: 'timings.totalMs',
  kind: 'mean',
  level: null,
  per: null,
  direction: 'lower',
  unit: 'ms',
  margin: { kind: 'relative', value: 0.1 },
  bounds: null,
};

export const ownMetrics: readonly OwnMetric[] = [
  OWN,
  { ...OWN, name: 'own-bounded', path: 'gpu.utilisation', direction: 'higher', bounds: [0, 1] },
  { ...OWN, name: 'own-rate', topic: 'image.scored.v1', path: 'promptTruncated', kind: 'rate', unit: 'share' },
  { ...OWN, name: 'own-p50', kind: 'upper-tail', level: 0.5 },
  { ...OWN, name: 'own-p90', kind: 'upper-tail', level: 0.9 },
  {
    ...OWN,
    name: 'own-tail',
    topic: 'image.scored.v1',
    path: 'quality.sharp',
    kind: 'lower-tail',
    level: 0.05,
    unit: 'share',
  },
  { ...OWN, name: 'own-ratio', path: 'gpu.seconds', per: 'config.steps', kind: 'ratio', unit: 's' },
];

/** An experiment in which every metric that can decide does, and every other one is watched. */
export function everythingGuarded(
  names: readonly string[],
  watched: readonly string[],
  changes: Parameters<typeof definition>[0] = {},
) {
  return definition({
    guardrails: names.map((metric) => ({
      metric,
      margin: /rate|preference|rating/.test(metric)
        ? { kind: 'absolute' as const, value: 0.05 }
        : { kind: 'relative' as const, value: 0.1 },
      rollbackOn: 'beyond-margin' as const,
    })),
    metrics: [...ownMetrics],
    watch: [...watched],
    ...changes,
  });
}
