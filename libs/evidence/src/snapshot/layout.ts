import { type Assignment, encodeEmbedding, examples, type TeststripEvent } from '#libs/contracts';
import { isPreference, type MetricDefinition } from '../catalogue/definition.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import { allocationOf } from '../fold/allocation.js';
import { countCoverage } from '../fold/coverage.js';
import { type Evidence, initialEvidence } from '../fold/evidence.js';
import { noteRequestOf } from '../fold/heavy-units.js';
import { memoryKey } from '../fold/memory-key.js';
import { noteArrival } from '../fold/newcomers.js';
import { beat } from '../fold/pulse.js';
import { noteOutcome } from '../fold/recent-outcomes.js';
import { notePicture } from '../fold/recent-pictures.js';
import { initialPair, noteCold } from '../fold/pair-evidence.js';
import { noteDelivered, noteMissing } from '../fold/presence.js';
import { noteBad } from '../fold/strangers.js';
import { noteGeneration, type Reports } from '../fold/reports.js';
import { count, trafficUnder } from '../fold/traffic.js';
import { addToTotal, enterAllocation, openTotal } from '../fold/unit-totals.js';
import { noteAnswer } from '../fold/warmth.js';
import { initialControlTailLimit } from '../kinds/control-tail-limit.js';
import { isKind, methodOf, type MetricEvidence } from '../kinds/metric-evidence.js';
import type { Method, Observation } from '../kinds/method.js';
import { isPairedKind, pairedMethodOf } from '../pairs/paired-metric.js';
import { markDone, waitFor } from '../pairs/pair-memory.js';
import { encodePairs } from '../pairs/pairs-codec.js';
import { digestOf } from './digest.js';
import { encodeFrame } from './frame-codec.js';
import { encodePair } from './pair-codec.js';

/**
 * The form in which evidence of these kinds is stored, as one name. It is made of what is stored: a fixed stream is folded by each kind,
 * and what it leaves behind is digested. A field, a constant or a formula that changes makes another name by itself, and evidence under
 * another name is folded again from the log. Kinds that are not in the evidence don't matter.
 */
export function storedLayoutOf(kinds: readonly string[]): string {
  return layoutWith(frameForm(), kinds);
}

/** Forms of the frame that are translated when they are read: traffic and coverage by the service's epochs, and pairs without preference. */
const FORMER_FRAMES: readonly string[] = ['1j6khasfy53', '20rcvx1q89e'];
/** Rates that know nothing of control's ends that are awaited: they wait for them once. */
const RATES_BEFORE_ENDS_WERE_AWAITED = '28f1krc1scd';
/**
 * Forms of kinds that are read as they are, before today's: tails without what tells how steeply the candidate's falls, whose counts begin at 0; and those without the
 * candidate's newest values and the place that control's quantile surely is within, which is there from the next time the limit is read.
 */
const FORMER_FORMS: readonly Readonly<Record<string, string>>[] = [
  { rate: RATES_BEFORE_ENDS_WERE_AWAITED, 'upper-tail': 'etxzceu0bp' },
  { rate: RATES_BEFORE_ENDS_WERE_AWAITED, 'upper-tail': '2gi84vxr9n0' },
  { rate: RATES_BEFORE_ENDS_WERE_AWAITED },
];

/** Whether evidence of this form and these kinds can be read. */
export function isReadable(layout: string, kinds: readonly string[]): boolean {
  return [frameForm(), ...FORMER_FRAMES].some((frame) =>
    [{}, ...FORMER_FORMS].some((former) => layout === layoutWith(frame, kinds, former)),
  );
}

function layoutWith(frame: string, kinds: readonly string[], instead: Readonly<Record<string, string>> = {}): string {
  const forms = [...new Set(kinds)]
    .sort()
    .map((kind) => [kind, isKind(kind) ? (instead[kind] ?? formOf(kind)) : 'unknown']);
  return digestOf([frame, forms]);
}

const knownForms = new Map<string, string>();

function formOf(kind: MetricEvidence['kind']): string {
  const known = knownForms.get(kind) ?? digestOf([formBy(methodOf(kind), kind), pairedFormOf(kind)]);
  knownForms.set(kind, known);
  return known;
}

/** Observations of the stream: enough to fill samples, and to let recent values take the place of older ones. */
const OBSERVATIONS = 1_800;

/** What the stream leaves behind when it is folded by a method. */
export function formBy<State>(method: Method<State>, kind: MetricEvidence['kind']): string {
  const metric = sampleMetric(kind);
  const state = method.initial(metric);
  for (let index = 0; index < OBSERVATIONS; index++) method.observe(state, metric, observation(kind, index), 50);
  return digestOf(rounded(method.encode(state)));
}

/** What pairs of the stream leave behind; null of kinds that pairs say nothing of. */
function pairedFormOf(kind: MetricEvidence['kind']): string | null {
  if (!isPairedKind(kind)) return null;
  const metric = sampleMetric(kind);
  const ordinary = methodOf(kind).initial(metric);
  for (let index = 0; index < OBSERVATIONS / 2; index++)
    methodOf(kind).observe(ordinary, metric, observation(kind, index), 50);
  const method = pairedMethodOf(kind);
  const frame = method.frameOf(ordinary, metric);
  const state = method.initial(metric);
  for (let index = 0; index < OBSERVATIONS / 6; index++) {
    const [control, candidate] = [observation(kind, 3 * index), observation(kind, 3 * index + 1)];
    if (frame !== null) method.observe(state, metric, { control, candidate, frame, atMs: 100 * index, ordinary });
  }
  return digestOf(rounded(method.encode(state)));
}

function sampleMetric(kind: MetricEvidence['kind']): MetricDesign {
  const margin = { kind: 'absolute', value: 0.2 } as const;
  const definition = {
    name: 'sample',
    description: '',
    kind,
    topic: 'image.scored.v1',
    unit: '',
    direction: 'lower',
    defaultRole: 'observed',
    scale: 'difference',
    defaultMargin: margin,
    floor: null,
    level: 0.9,
    cap: { kind: 'baseline', spreads: 4 },
    burnInUnits: 1,
    lateData: 'first-only',
    observe: () => null,
    denominator: () => null,
    embedding: () => null,
  } as MetricDefinition;
  return {
    definition,
    role: 'guardrail',
    test: { margin, harmBeyond: margin, anyHarm: false, budget: [{ sharePpm: 500_000, margin }] },
    isCollected: true,
    valuesIn: 'sample',
    gainGrid: [-0.1, 0, 0.1],
    episodes: 'fifth',
    queues: { unitMs: 100, partitions: 2 },
    warmUp: null,
  };
}

/** Irregular, and the same for ever. */
function observation(kind: MetricEvidence['kind'], index: number): Observation {
  const scattered = (index * 0.6180339887) % 1;
  const isFirst = index % 8 !== 7;
  return {
    arm: index % 4 === 1 ? 'candidate' : 'control',
    propensity: index < 900 ? 0.25 : 0.4,
    value: kind === 'rate' || isPreference(kind) ? Number(index % 9 === 0) : 1 + 10 * scattered * scattered,
    known: index % 11 === 5 ? 'unknown' : index % 11 === 9 ? 'more-than' : 'value',
    isFirst,
    isAtRisk: index % 5 !== 3,
    window: Math.floor(index / 1_000),
    promptClass: index % 5 === 4 ? null : index % 5,
    denominator: 1 + (index % 3),
    before: index % 5 === 0 ? { sum: 2 * scattered, denominator: 2 } : null,
    atMs: 100 * index,
    picture: { unit: `unit-${index}`, embedding: encodeEmbedding([scattered, 1 - scattered, index % 7, 1]) },
  };
}

/** To six digits, since another machine's logarithms may differ in the last; what is next to nothing is nothing. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part !== 'number') return part;
      return Math.abs(part) < 1e-9 ? 0 : Number(part.toPrecision(6));
    }),
  );
}

const NO_READERS = {
  'request.routed.v1': [],
  'generation.completed.v1': [],
  'image.scored.v1': [],
  'feedback.recorded.v1': [],
};

/** Enough to forget the first of it. */
function foldReports(reports: Reports): void {
  const assignment = { variant: 'a' } as Assignment;
  const generation = examples.find(
    ({ type }) => type === 'generation.completed.v1',
  ) as TeststripEvent<'generation.completed.v1'>;
  const gpu = { ...generation.data.gpu, memoryMiB: 0 };
  for (let cost = 1; cost <= 200; cost++)
    noteGeneration(reports, assignment, { ...generation.data, gpu, cost, fingerprint: `${cost % 10}` }, cost);
}

function somePairs(evidence: Evidence): Evidence {
  const { pairMemory } = evidence;
  const values = new Map([
    ['metric', { said: { value: Infinity, denominator: 1 }, frame: [2] }],
    ['other', { said: null, frame: null }],
  ]);
  waitFor(pairMemory, memoryKey('pair'), {
    topic: 'image.scored.v1',
    candidate: 'b',
    request: 'request',
    arm: 'control',
    sinceMs: 1_000,
    isDelivered: true,
    isCold: false,
    values,
    pixels: null,
    preference: null,
  });
  markDone(pairMemory, memoryKey('other pair'));
  return evidence;
}

/** Enough for the oldest allocation to give its place up. @returns who was first seen under the newest one */
function foldTraffic({ traffic }: Evidence): ReadonlyMap<string, number> {
  let firstSeen = new Map<string, number>();
  for (let a = 600_000; a < 600_040; a++) {
    const under = trafficUnder(traffic, allocationOf({ stage: 2, weightsPpm: { a, b: 1_000_000 - a } }), a);
    under.distinct += 1;
    under.squaredRequests += 4;
    count(under.firstSeen, 'a');
    count(under.requests, 'a');
    ({ firstSeen } = under);
  }
  return firstSeen;
}

let knownFrame: string | null = null;

/** The form of what evidence holds beside its metrics, of its units' marks and of their keys. */
function frameForm(): string {
  if (knownFrame !== null) return knownFrame;
  const evidence = initialEvidence({ candidates: ['b'], unit: 'user', metrics: [], readers: NO_READERS });
  count(evidence.traffic.requests, 'a');
  const firstSeen = foldTraffic(evidence);
  noteArrival(evidence.newcomers, true, 1_234_567);
  noteRequestOf(evidence.heavyUnits, 'unit');
  noteBad(evidence.strangers, memoryKey('stranger'), 3);
  const { totals } = evidence;
  enterAllocation(totals, { epoch: 7, weightsPpm: { a: 600_000, b: 400_000 } });
  openTotal(totals, sampleMetric('mean'), memoryKey('unit'), { variant: 'a', atMs: 1_234_567 });
  addToTotal(totals, sampleMetric('mean'), memoryKey('unit'), 0.5);
  evidence.seenBefore.set('metric', new Map(firstSeen));
  const [control, candidate] = (['control', 'candidate'] as const).map((arm) => ({
    candidate: 'b',
    arm,
    propensity: 0.4,
  }));
  for (const second of [1_000, 1_001, 2_000]) countCoverage(evidence.coverage.answered, control, second * 1_000);
  countCoverage(evidence.coverage.generated, candidate, 1_000_000);
  countCoverage(evidence.coverage.scored, candidate, 1_000_000);
  const answer = { variant: 'a', instance: 'first', atMs: 5_000 };
  noteAnswer(evidence.warmth['request.routed.v1'], { requests: 9, forMs: 1_000 }, answer);
  notePicture(evidence.recentPictures, 'a', '0123456789abcdef', { place: 5, unit: 6 });
  for (let second = 0; second < 300; second++) noteOutcome(evidence.recent, 'a', second % 3 === 0, second * 1_000);
  count(evidence.mended, 'percent');
  evidence.unscored = { pictures: 3, reason: 'host not allowed' };
  foldReports(evidence.reports);
  for (let second = 0; second < 200; second++) beat(evidence.pulses.answered, second * 61_000);
  const unit = memoryKey('unit');
  evidence.units.remember(unit, { words: Uint32Array.of(7, 3), numbers: new Float64Array() });
  const { units, marks } = evidence.units.everything();
  const pair = initialPair();
  const { presence, caps } = pair;
  caps.set('metric', initialControlTailLimit());
  const missing = { arm: 'candidate', propensity: 0.25, isLost: true } as const;
  noteCold(pair, sampleMetric('upper-tail'), 'control');
  noteDelivered(presence, 'image.scored.v1', 'control');
  noteMissing(presence, sampleMetric('mean'), missing);
  knownFrame = digestOf([
    encodeFrame(evidence),
    encodePair(pair, []),
    encodePairs(somePairs(evidence)),
    [...units],
    [...marks],
  ]);
  return knownFrame;
}
