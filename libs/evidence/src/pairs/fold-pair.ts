import { type Assignment, type DataOf, isCopy, isJudgedPicture, isNameless, type PairMark } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import type { EventFacts, RequestTopic } from '../catalogue/definition.js';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import { isNoValue, type NoValue, type Reading } from '../catalogue/reader.js';
import { countCoverage } from '../fold/coverage.js';
import type { Evidence } from '../fold/evidence.js';
import { memoryKey } from '../fold/memory-key.js';
import { answerOf, type RequestEvent, saidIn } from '../fold/observe-metrics.js';
import { observeJudgement, type PairEvidence } from '../fold/pair-evidence.js';
import { noteDelivered, noteMissing, noteValue } from '../fold/presence.js';
import { count } from '../fold/traffic.js';
import { isFirstOfInstance, isWarmingUp, noteAnswer } from '../fold/warmth.js';
import { isPaired, pairedMethodOf, type PairedMetric } from './paired-metric.js';
import { pairedMetric, type PairedEvidence } from './paired-evidence.js';
import { markDone, takeOverdue, waitFor, type WaitingSide, type WaitingValue } from './pair-memory.js';

/** Sides of pairs were not drawn: each variant has one. */
const EVEN = 0.5;

/**
 * Folds one side of a pair in, in place. The side that comes first waits for the other one; of a unit and prompt the first pair counts.
 * Each topic has its own sides of a pair, which meet in one partition of it, since both are the same unit's.
 * @returns whether the evidence changed.
 */
export function foldPair(
  evidence: Evidence,
  design: EvidenceDesign,
  event: RequestEvent,
  { assignment, carriedAtMs }: { readonly assignment: Assignment; readonly carriedAtMs: number },
): boolean {
  const { pair } = assignment;
  const paired = pair && evidence.paired.get(pair.candidate);
  const arm = armOf(design, assignment);
  if (pair === undefined || paired === undefined || arm === null || !isFirstAnswer(event)) return false;
  dropOverdue(evidence, design, carriedAtMs);
  if (holdsAnswer(event)) noteCovered(paired, event, assignment, arm);
  const isCold = arm === 'candidate' && isColdCopy(evidence, design, event, carriedAtMs);
  const { pairMemory } = evidence;
  const key = pairKey(event.type, assignment);
  const known = pairMemory.waiting.get(key);
  if (pairMemory.done.has(key) || (known !== undefined && known.request !== pair.request)) {
    if (arm === 'control' && event.type === 'request.routed.v1') paired.repeated += 1;
    return true;
  }
  // The same side once more: a message that came twice, or a service that tried again.
  if (known?.arm === arm) return true;
  if (isWithdrawn(event)) {
    markDone(pairMemory, key);
    paired.withdrawn += 1;
    return true;
  }
  const side = sideOf(evidence, design, event, {
    arm,
    candidate: pair.candidate,
    request: pair.request,
    sinceMs: carriedAtMs,
    isCold,
  });
  if (known === undefined) {
    waitFor(pairMemory, key, side);
    return true;
  }
  markDone(pairMemory, key);
  count(paired.complete, event.type);
  const sides = arm === 'control' ? { control: side, candidate: known } : { control: known, candidate: side };
  comparePair(evidence, design, sides, known);
  return true;
}

function pairKey(topic: RequestTopic, { unit, pair }: Assignment): number {
  const { candidate, request, prompt } = pair as PairMark;
  return memoryKey(`${topic} ${candidate} ${isNameless(unit) ? request : unit} ${prompt}`);
}

function sideOf(
  evidence: Evidence,
  design: EvidenceDesign,
  event: RequestEvent,
  whose: Pick<WaitingSide, 'arm' | 'candidate' | 'request' | 'sinceMs' | 'isCold'>,
): WaitingSide {
  return {
    ...whose,
    topic: event.type,
    isDelivered: holdsAnswer(event),
    values: valuesOf(evidence, design, event, whose.candidate),
    pixels: event.type === 'image.scored.v1' ? (event.data.pixels ?? null) : null,
    preference: event.type === 'image.scored.v1' ? (event.data.preference ?? null) : null,
  };
}

/**
 * A client that left has waited for no answer to compare, and a copy that the router gave up (it is busy, or about to stop) is nobody's fault.
 */
function isWithdrawn(event: RequestEvent): boolean {
  return event.type === 'request.routed.v1' && event.data.outcome === 'cancelled';
}

function armOf(design: EvidenceDesign, assignment: Assignment): Arm | null {
  if (isCopy(assignment)) return 'candidate';
  return assignment.variant === design.control ? 'control' : null;
}

/** People give feedback on what they saw; of several pictures the first stands for all, as everywhere. */
function isFirstAnswer(event: RequestEvent): boolean {
  if (event.type === 'feedback.recorded.v1') return false;
  return event.type !== 'image.scored.v1' || event.data.imageIndex === 0;
}

/**
 * Copies warm a candidate up like requests that people made: its first ones are no more judged by their durations than those would be.
 * @returns whether this one is not, since a variant starts.
 */
function isColdCopy(
  { warmth: byTopic }: Evidence,
  { warmUp, control }: EvidenceDesign,
  event: RequestEvent,
  atMs: number,
): boolean {
  const { variant: candidate } = event.data.assignment as Assignment;
  const answered = answerOf(event, candidate, atMs);
  if (warmUp === null || answered === null || isWithdrawn(event)) return false;
  const warmth = byTopic[answered.topic];
  const isCandidateCold = isWarmingUp(warmth, warmUp, candidate, atMs);
  const isControlCold = isWarmingUp(warmth, warmUp, control, atMs);
  const isCold = isCandidateCold || isControlCold || isFirstOfInstance(warmth, warmUp, answered);
  noteAnswer(warmth, warmUp, answered);
  return isCold;
}

function holdsAnswer(event: RequestEvent): boolean {
  switch (event.type) {
    case 'request.routed.v1':
    case 'generation.completed.v1':
      return event.data.outcome === 'delivered';
    case 'image.scored.v1':
      return isJudgedPicture(event.data);
    case 'feedback.recorded.v1':
      return false;
    default:
      return event satisfies never;
  }
}

function noteCovered({ coverage }: PairedEvidence, event: RequestEvent, { assignedAt }: Assignment, arm: Arm): void {
  if (assignedAt === undefined || event.type === 'feedback.recorded.v1') return;
  const side = {
    'request.routed.v1': 'answered',
    'generation.completed.v1': 'generated',
    'image.scored.v1': 'scored',
  } as const;
  countCoverage(coverage[side[event.type]], { candidate: 'candidate', arm, propensity: EVEN }, Date.parse(assignedAt));
}

const NO_FACTS: EventFacts = { isDuplicate: false };

/** What data of a topic say of the metrics that pairs decide on. */
function valuesOf<T extends RequestTopic>(
  evidence: Evidence,
  design: EvidenceDesign,
  { type: topic, data }: { readonly type: T; readonly data: DataOf<T> },
  candidate: string,
): ReadonlyMap<string, WaitingValue> {
  const { metrics } = evidence.pairs.get(candidate) as PairEvidence;
  const values = new Map<string, WaitingValue>();
  for (const { metric, read } of evidence.facts.readers[topic]) {
    if (!isPaired(metric)) continue;
    const { name, kind } = metric.definition;
    const reading = read(data, NO_FACTS);
    const said = saidBy(reading, design);
    const frame = pairedMethodOf(kind as PairedMetric['kind']).frameOf(metrics.get(name), metric);
    values.set(name, { said, frame });
  }
  return values;
}

/** A pair of which a side got no picture, or did not wait for it, is not compared by what pictures are like. */
function saidBy(reading: Reading | NoValue | null, design: EvidenceDesign): WaitingValue['said'] {
  if (reading === null || isNoValue(reading)) return saidIn(reading, design);
  return reading.known === 'value' ? { value: reading.value, denominator: reading.denominator } : null;
}

type Sides = Readonly<Record<Arm, WaitingSide>>;

/** @param first the side that came first: what was fixed before it was fixed before both. */
function comparePair(evidence: Evidence, design: EvidenceDesign, sides: Sides, first: WaitingSide): void {
  const { candidate, topic } = first;
  const paired = evidence.paired.get(candidate) as PairedEvidence;
  const { metrics } = evidence.pairs.get(candidate) as PairEvidence;
  const { control, candidate: copy } = sides;
  const areDelivered = control.isDelivered && copy.isDelivered;
  if (control.pixels !== null && copy.pixels !== null) {
    paired.pixels.compared += 1;
    if (control.pixels === copy.pixels) paired.pixels.equal += 1;
  }
  comparePreferences(evidence, design, sides);
  if (areDelivered) for (const arm of BOTH) noteDelivered(paired.presence, topic, arm);
  for (const { metric } of evidence.facts.readers[topic]) {
    const { name } = metric.definition;
    const saidOf = (arm: Arm): WaitingValue['said'] => sides[arm].values.get(name)?.said ?? null;
    if (!isPaired(metric) || (copy.isCold && metric.warmUp !== null)) continue;
    const [ofControl, ofCandidate] = [saidOf('control'), saidOf('candidate')];
    for (const arm of BOTH) notePresence(paired, metric, { arm, said: saidOf(arm), areDelivered });
    const frame = first.values.get(name)?.frame ?? null;
    if (frame === null || !isSaid(ofControl) || !isSaid(ofCandidate)) continue;
    const state = pairedMetric(paired, metric);
    const ordinary = metrics.get(name);
    pairedMethodOf(state.kind).observe(state, metric, {
      control: ofControl,
      candidate: ofCandidate,
      frame,
      atMs: Math.max(control.sinceMs, copy.sinceMs),
      ordinary,
    });
  }
}

/** How probably people would prefer the candidate's picture: the softmax of both logits. */
function comparePreferences(
  evidence: Evidence,
  { predicted, baselineUnits }: EvidenceDesign,
  { control, candidate }: Sides,
): void {
  if (control.preference === null || candidate.preference === null) return;
  const value = 1 / (1 + Math.exp(control.preference - candidate.preference));
  const atMs = Math.max(control.sinceMs, candidate.sinceMs);
  const pair = evidence.pairs.get(candidate.candidate) as PairEvidence;
  for (const metric of predicted) observeJudgement(pair, metric, { value, isFirst: true, atMs }, baselineUnits);
}

const BOTH: readonly Arm[] = ['control', 'candidate'];

function isSaid(said: WaitingValue['said']): said is Exclude<WaitingValue['said'], 'lost' | 'elsewhere' | null> {
  return said !== null && typeof said !== 'string';
}

function notePresence(
  { presence }: PairedEvidence,
  metric: MetricDesign,
  {
    arm,
    said,
    areDelivered,
  }: { readonly arm: Arm; readonly said: WaitingValue['said']; readonly areDelivered: boolean },
): void {
  if (isSaid(said)) noteValue(presence, metric, { arm, propensity: EVEN, value: said.value });
  else if (said === 'lost' || (said === null && areDelivered))
    noteMissing(presence, metric, { arm, propensity: EVEN, isLost: said === 'lost' });
}

/** What a router would have said of a copy that it heard nothing more of. */
const NEVER_ANSWERED: DataOf<'request.routed.v1'> = {
  requestId: '',
  service: '',
  assignment: null,
  upstream: '',
  outcome: 'timed-out',
  status: null,
  startedAt: new Date(0).toISOString(),
  durationMs: null,
  waitedMs: null,
};

/**
 * Sides that waited too long. A request whose copy was never heard of is compared as one whose copy never ended: silence is no way to look
 * well. Reports and scores that are missing on one side are compared by how many of the delivered ones have none.
 */
function dropOverdue(evidence: Evidence, design: EvidenceDesign, nowMs: number): void {
  for (const side of takeOverdue(evidence.pairMemory, nowMs)) {
    const { topic, candidate, arm } = side;
    const paired = evidence.paired.get(candidate);
    if (topic !== 'request.routed.v1' || paired === undefined) continue;
    paired.halves[arm] += 1;
    if (arm === 'candidate') continue;
    const values = valuesOf(evidence, design, { type: topic, data: NEVER_ANSWERED }, candidate);
    const nothing = { isDelivered: false, isCold: false, pixels: null, preference: null } as const;
    const silent: WaitingSide = { ...side, ...nothing, arm: 'candidate', values };
    comparePair(evidence, design, { control: side, candidate: silent }, side);
  }
}
