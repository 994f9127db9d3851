import { type DataOf, isConcept } from '#libs/contracts';
import {
  COSINE_CAP,
  guardsPictures,
  type MetricDefinition,
  type Observed,
  USUAL_BURN_IN,
  USUAL_CAP,
} from './definition.js';

const topic = 'image.scored.v1';

/** What the scorer says of a picture. */
export const pictureMetrics: readonly MetricDefinition[] = [
  {
    name: 'alignment',
    description: 'How well a picture fits its prompt: cosine of their embeddings.',
    unit: 'cosine',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'mean',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'relative', value: 0.01 },
    floor: 0.001,
    cap: COSINE_CAP,
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    observe: alignmentOf,
  },
  {
    name: 'predicted-preference',
    description:
      'Probability that people prefer the candidate’s picture to control’s of the same prompt and seed, by a scorer that learnt what they choose (PickScore, HPSv2); of pairs of shadow traffic alone.',
    unit: 'probability',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'predicted-preference',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.05 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: 1,
    lateData: 'missing-is-coverage',
  },
  {
    name: 'wrong-pictures',
    description:
      'Pictures that fit their prompt worse than all but one in fifty of control’s, blank ones among them; harm also shows in those that lie far below.',
    unit: 'share of pictures',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'lower-tail',
    level: 0.02,
    scale: 'ln-rate-ratio',
    topic,
    defaultMargin: { kind: 'relative', value: 0.5 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: 1,
    lateData: 'missing-is-coverage',
    observe: (data) => (data.blank ? LOWEST_COSINE : alignmentOf(data)),
  },
  {
    name: 'alignment-shift',
    description: 'Whether pictures of one variant tend to fit their prompts better, anywhere in the distribution.',
    unit: 'probability',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'shift',
    scale: 'probability',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.05 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    observe: alignmentOf,
  },
  {
    name: 'quality',
    description: 'Mean of all quality heads of a picture; concepts, which say what it shows, are none.',
    unit: 'score',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'mean',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'relative', value: 0.02 },
    floor: 0.001,
    cap: USUAL_CAP,
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    observe: (data) => lookedAt(data, ({ quality }) => meanOfHeads(quality)),
  },
  {
    name: 'blank-rate',
    description:
      'Pictures that are (nearly) of one colour: what a safety checker’s black-out looks like. They are in no mean of pictures. Guards every canary with a metric of pictures that does not turn it off.',
    unit: 'share of pictures',
    direction: 'lower',
    defaultRole: 'observed',
    guards: guardsPictures(0.01),
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.002 },
    floor: 0.0005,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    observe: ({ outcome, blank }) => {
      if (outcome === 'flagged') return FLAGGED;
      return outcome === 'scored' || outcome === 'blank' ? Number(blank) : null;
    },
  },
  {
    name: 'undecodable-rate',
    description:
      'Answers that are not a decodable picture, or not the announced one; those the scorer could not get, refused or can’t read say nothing. Guards like blank-rate.',
    unit: 'share of pictures',
    direction: 'lower',
    defaultRole: 'observed',
    guards: guardsPictures(0.01),
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.002 },
    floor: 0.0005,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    observe: ({ outcome }) => {
      if (outcome === 'flagged') return FLAGGED;
      if (outcome === 'scored' || outcome === 'blank') return 0;
      return outcome === 'undecodable' || outcome === 'digest-mismatch' ? 1 : null;
    },
  },
  {
    name: 'duplicate-rate',
    description: 'Pictures with the same pixels as a recent one of the same variant that somebody else got.',
    unit: 'share of pictures',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.02 },
    floor: 0.002,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    observe: (data, { isDuplicate }) =>
      lookedAt(data, ({ outcome }) => (outcome === 'scored' ? Number(isDuplicate) : null)),
  },
  {
    name: 'coverage',
    description: 'Answered units whose picture got a score, once it is old enough to have one.',
    unit: 'share of units',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'coverage',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.01 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
  },
  {
    name: 'embedding-shift',
    description:
      'Whether pictures differ between the variants in any direction of their embeddings; shown as squared maximum mean discrepancy.',
    unit: 'MMD²',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'distribution',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.01 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    embedding: embeddingOf,
  },
  {
    name: 'diversity',
    description: 'How many entirely different pictures a sample of equal size is worth (Vendi score).',
    unit: 'pictures',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'diversity',
    scale: 'relative',
    topic,
    defaultMargin: { kind: 'relative', value: 0.05 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    embedding: embeddingOf,
  },
];

const HEAD_PREFIX = 'quality.';

/** One quality head by itself, `quality.clean` for the head `clean`; null where the name is no such name. */
export function qualityHeadMetric(name: string): MetricDefinition | null {
  if (!name.startsWith(HEAD_PREFIX) || name.length === HEAD_PREFIX.length) return null;
  const head = name.slice(HEAD_PREFIX.length);
  return {
    name,
    description: `The quality head “${head}” of a picture.`,
    unit: 'score',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'mean',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'relative', value: 0.02 },
    floor: 0.001,
    cap: USUAL_CAP,
    burnInUnits: USUAL_BURN_IN,
    lateData: 'missing-is-coverage',
    observe: (data) => lookedAt(data, ({ quality }) => quality[head] ?? null),
  };
}

export function headName(head: string): string {
  return `${HEAD_PREFIX}${head}`;
}

type Score = DataOf<'image.scored.v1'>;

/** Nothing fits a prompt less than a picture of nothing. */
const LOWEST_COSINE = -1;

const BLANK = { judgedBy: 'blank-rate' } as const;
const FLAGGED = { judgedBy: 'flagged-rate' } as const;

/** What is said of a picture that shows something; scores of before say of blank ones too what they look like. */
function lookedAt(data: Score, observe: (data: Score) => number | null): Observed {
  if (data.outcome === 'flagged') return FLAGGED;
  return data.blank ? BLANK : observe(data);
}

/** Null where the prompt is not known. */
function alignmentOf(data: Score): Observed {
  const { alignment, outcome, blank } = data;
  if (outcome === 'scored' || outcome === 'flagged' || blank) return lookedAt(data, () => alignment);
  return 'never-came';
}

function embeddingOf({ embedding }: Score): string | null {
  return embedding;
}

function meanOfHeads(quality: Readonly<Record<string, number>>): number | null {
  const heads = Object.keys(quality)
    .filter((name) => !isConcept(name))
    .sort();
  if (heads.length === 0) return null;
  let sum = 0;
  for (const head of heads) sum += quality[head] as number;
  return sum / heads.length;
}
