import { type Assignment, type DataOf, propensityAgainst, type TeststripEvent } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import type { EventFacts, RequestTopic } from '../catalogue/definition.js';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import { headName } from '../catalogue/picture-metrics.js';
import { isNoValue, type NoValue, type Reading, withinRange } from '../catalogue/reader.js';
import type { Observation } from '../kinds/method.js';
import type { Evidence } from './evidence.js';
import { noteCold, observeAt, observeHead, type PairEvidence } from './pair-evidence.js';
import { noteDelivered, noteMissing, noteValue } from './presence.js';
import type { MetricPlace } from './unit-facts.js';
import { hasBit, setBit, type UnitMark } from './unit-mark.js';
import { type VariantAnswer, type AnswerTopic, isFirstOfInstance, isWarmingUp, noteAnswer } from './warmth.js';

/** Events of requests: all but judgements of raters, which are about pairs of pictures. */
export type RequestEvent = TeststripEvent<RequestTopic>;

/** An event of one topic, so that the topic's readers fit its data. */
interface EventOf<T extends RequestTopic> {
  readonly type: T;
  readonly data: DataOf<T>;
}

/** Who the event is about, and what is known beside its data. */
interface Occasion {
  readonly assignment: Assignment;
  readonly mark: UnitMark;
  readonly facts: EventFacts;
  /** When the carrier took the event into the log, ms since 1970. */
  readonly atMs: number;
  /** The window that the mark's bad events are of. */
  readonly window: number;
  /** Whether nobody knows if the unit's values are its first: then none is, and only what counts bad events reads them. */
  readonly isStranger: boolean;
  /** The unit's first event of the topic with what it asked for. */
  readonly isFirstDelivered: boolean;
}

/** Folds what the event says about each metric of its topic. @returns whether the unit's mark has changed. */
export function observeMetrics<T extends RequestTopic>(
  evidence: Evidence,
  design: EvidenceDesign,
  event: EventOf<T>,
  { assignment, mark, facts, window, atMs, isStranger, isFirstDelivered }: Occasion,
): boolean {
  const isEarlierStage = assignment.stage < evidence.newestStage;
  const sides = sidesOf(evidence, design, assignment);
  const promptClass = promptClassOf(event.data);
  const answered = answerOf(event, assignment.variant, atMs);
  if (answered !== null) markCold(evidence, design, sides, answered);
  if (isFirstDelivered) for (const { pair, arm } of sides) noteDelivered(pair.presence, event.type, arm);
  let isChanged = false;
  for (const reader of evidence.facts.readers[event.type]) {
    const { metric, read, place } = reader;
    if (isStranger && place.badBit === null) continue;
    if (isStranger) setBit(mark, place.measuredBit);
    if (isEarlierStage && metric.definition.lateData === 'ignored-after-stage') continue;
    const reading = read(event.data, facts);
    if (reading === null || isNoValue(reading)) {
      if (noteSilence(sides, metric, place, { mark, said: saidIn(reading, design), isFirstDelivered }))
        isChanged = true;
      continue;
    }
    const seen = noteReading(mark, place, reading);
    seen.window = window;
    seen.promptClass = promptClass;
    seen.atMs = atMs;
    if (seen.isFirst || place.numbersAt !== null) isChanged = true;
    let isBad = false;
    for (const side of sides) {
      // The unit has had its first value all the same: a later one is that of who came back.
      if (side.isCold && metric.warmUp !== null) {
        noteCold(side.pair, metric, side.arm);
        continue;
      }
      const { pair } = side;
      seen.arm = side.arm;
      seen.propensity = side.propensity;
      if (observeAt(reader, pair, seen, design.baselineUnits)) isBad = true;
      if (seen.isFirst && seen.known === 'value' && metric.test !== null) noteValue(pair.presence, metric, seen);
      if (metric.definition.name === 'quality') observeHeads(pair, design, event, seen);
    }
    if (!isBad || place.badBit === null) continue;
    setBit(mark, place.badBit);
    isChanged = true;
  }
  return isChanged;
}

/**
 * Notes that an event says nothing of a metric that is tested. What never came is the unit's first value, as is what another metric judges,
 * and takes the place of later ones: they would be those of who asked again.
 * @returns whether the unit's mark has changed.
 */
function noteSilence(
  sides: readonly Side[],
  metric: MetricDesign,
  { measuredBit }: MetricPlace,
  { mark, said, isFirstDelivered }: { mark: UnitMark; said: Silence; isFirstDelivered: boolean },
): boolean {
  const takesFirst = said !== null;
  if (metric.test === null || (takesFirst ? hasBit(mark, measuredBit) : !isFirstDelivered)) return false;
  if (said !== 'elsewhere') {
    const isLost = said === 'lost';
    for (const { pair, arm, propensity } of sides) noteMissing(pair.presence, metric, { arm, propensity, isLost });
  }
  if (takesFirst) setBit(mark, measuredBit);
  return takesFirst;
}

/** Why there is no value: it never came, or a guardrail of another metric has judged the event; null: nobody says. */
export type Silence = 'lost' | 'elsewhere' | null;

/** An event that another metric would judge, but guards nothing, is one with a value missing. */
export function saidIn(reading: NoValue | null, { guarded }: Pick<EvidenceDesign, 'guarded'>): Silence {
  if (reading === null || reading === 'lost') return reading;
  return guarded.has(reading.judgedBy) ? 'elsewhere' : null;
}

function promptClassOf(data: object): number | null {
  return 'promptClass' in data ? ((data as DataOf<'image.scored.v1'>).promptClass ?? null) : null;
}

type Seen = { -readonly [Key in keyof Observation]: Observation[Key] };

/**
 * The one observation that is made of every reading, so that none costs an allocation: methods keep nothing of it. With fractions where numbers
 * may have one, so that the compiler takes them for such from the start.
 */
const SEEN: Seen = {
  arm: 'control',
  propensity: 0.5,
  value: 0.5,
  known: 'value',
  isFirst: false,
  isAtRisk: false,
  window: 0,
  promptClass: null,
  denominator: 0.5,
  before: null,
  picture: null,
  atMs: 0.5,
};

/** Notes in the unit's mark that it was measured. @returns what that makes of the reading; the rest is that of another event. */
function noteReading(mark: UnitMark, { measuredBit, badBit, numbersAt }: MetricPlace, reading: Reading): Seen {
  SEEN.value = reading.value;
  SEEN.known = reading.known;
  SEEN.denominator = reading.denominator;
  SEEN.picture = reading.picture;
  SEEN.isFirst = !hasBit(mark, measuredBit);
  if (SEEN.isFirst) setBit(mark, measuredBit);
  SEEN.isAtRisk = badBit !== null && !hasBit(mark, badBit);
  SEEN.before = numbersAt === null ? null : addToOwnSums(mark, numbersAt, reading);
  return SEEN;
}

/** Sum, denominator and number of events. @returns what the unit's sums were before; null: nothing yet. */
function addToOwnSums({ numbers }: UnitMark, at: number, { value, denominator }: Reading): Observation['before'] {
  if (!Number.isFinite(value) || !Number.isFinite(denominator)) return null;
  const before = { sum: numbers[at] as number, denominator: numbers[at + 1] as number };
  const events = numbers[at + 2] as number;
  numbers[at] = before.sum + value;
  numbers[at + 1] = before.denominator + denominator;
  numbers[at + 2] = events + 1;
  return events === 0 ? null : before;
}

/** Heads the experiment doesn't name: each is measured where the mean of all is. */
function observeHeads(
  pair: PairEvidence,
  design: EvidenceDesign,
  { data }: EventOf<RequestTopic>,
  seen: Observation,
): void {
  if (!('quality' in data)) return;
  for (const head of Object.keys(data.quality).sort()) {
    const value = data.quality[head] as number;
    if (head === '' || Number.isNaN(value) || design.names.has(headName(head))) continue;
    observeHead(pair, head, { ...seen, value: withinRange(value) });
  }
}

/** One candidate's pair, and on which side of it an event is. */
interface Side {
  readonly pair: PairEvidence;
  readonly candidate: string;
  readonly arm: Arm;
  readonly propensity: number;
  /** Durations are not judged by the event, since a variant of the pair starts. */
  isCold: boolean;
}

/** Control's events belong to every pair, a candidate's to its own. */
function sidesOf(evidence: Evidence, design: EvidenceDesign, assignment: Assignment): readonly Side[] {
  const arm: Arm = assignment.variant === design.control ? 'control' : 'candidate';
  const sides: Side[] = [];
  for (const candidate of design.candidates) {
    const pair = evidence.pairs.get(candidate);
    if (pair === undefined || (arm === 'candidate' && candidate !== assignment.variant)) continue;
    const propensity = propensityAgainst(assignment, candidate, design.control);
    sides.push({ pair, candidate, arm, propensity, isCold: false });
  }
  return sides;
}

/** Marks the sides of an answer by which durations are not judged, and counts it. */
function markCold(
  { warmth: byTopic }: Evidence,
  { warmUp, control }: EvidenceDesign,
  sides: readonly Side[],
  answer: Answered,
): void {
  if (warmUp === null || sides.length === 0) return;
  const warmth = byTopic[answer.topic];
  const isControlCold = isWarmingUp(warmth, warmUp, control, answer.atMs);
  let isJudged = false;
  for (const side of sides) {
    side.isCold = isWarmingUp(warmth, warmUp, side.candidate, answer.atMs) || isControlCold;
    if (!side.isCold) isJudged = true;
  }
  if (isJudged && isFirstOfInstance(warmth, warmUp, answer)) for (const side of sides) side.isCold = true;
  noteAnswer(warmth, warmUp, answer);
}

interface Answered extends VariantAnswer {
  readonly topic: AnswerTopic;
}

/** Null: the event is no answer of a variant. */
export function answerOf({ type, data }: EventOf<RequestTopic>, variant: string, atMs: number): Answered | null {
  if (type !== 'request.routed.v1' && type !== 'generation.completed.v1') return null;
  return { topic: type, variant, instance: 'instance' in data ? data.instance : undefined, atMs };
}
