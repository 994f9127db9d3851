import { type Assignment, propensityAgainstControl, type TeststripEvent } from '#libs/contracts';
import { type Arm, voteKey } from '#libs/statistics';
import { addBusySecond, type BusySeconds, mergeBusySeconds } from './busy-seconds.js';
import type { LateData, NumberMetric, Observed, ObservedTopic } from '../catalogue/definition.js';
import { OBSERVED_TOPICS } from '../catalogue/definition.js';
import { headName } from '../catalogue/picture-metrics.js';
import { type Coverage, countCoverage, initialCoverage, mergeCoverage } from './coverage.js';
import { COVERED_BIT, type EvidenceDesign, type MetricDesign, SEEN_BIT } from '../catalogue/evidence-design.js';
import type { Observation } from '../kinds/method.js';
import { VOTE_VALUES } from '../kinds/preference-method.js';
import { initialPair, mergePairs, observeHead, observeInPair, type PairEvidence } from './pair-evidence.js';
import { notePicture, type RecentPictures } from './recent-pictures.js';
import { count, epochOf, initialTraffic, mergeTraffic, type Traffic } from './traffic.js';
import { memoryKey } from './memory-key.js';
import { hasBit, setBit, type UnitMark, UnitMemory } from './unit-memory.js';

/** Units of a partition that are remembered where they come back (users, sessions): 100 MiB at most. */
const REMEMBERED_UNITS = 1_000_000;
/** Requests don't come back; remembered are the recent ones, because an event may come twice and a request may have several pictures. */
const REMEMBERED_REQUESTS = 4_096;

/** An event that evidence is made of. */
export type ObservedEvent = TeststripEvent<ObservedTopic>;

/** Events of requests: all but judgements of raters, which are about pairs of pictures. */
export type RequestEvent = TeststripEvent<Exclude<ObservedTopic, 'preference.judged.v1'>>;

/**
 * Mergeable sufficient statistics of one experiment revision, folded from one partition of one topic (or merged from many).
 *
 * The fold is a function of its partition's events alone, in their order: predictions, limits and baselines come from the partition's own past.
 * That keeps every e-process valid, whatever the interleaving, makes a replay reproduce it bit for bit, and lets partitions be
 * folded anywhere. What is folded twice is counted once, as far as {@link UnitMemory} reaches: only a unit's first observation decides.
 */
export interface Evidence {
  readonly traffic: Traffic;
  readonly coverage: Coverage;
  /** By candidate. */
  readonly pairs: ReadonlyMap<string, PairEvidence>;
  readonly units: UnitMemory;
  readonly recentPictures: RecentPictures;
  newestEpoch: number;
  newestStage: number;
  busySeconds: BusySeconds;
  /** Time of the newest event by topic, ms since 1970; null: none. */
  readonly newestAtMs: Record<ObservedTopic, number | null>;
  /** Whose scores these are; scores of others are counted, not compared. */
  scorer: string | null;
  foreignScores: number;
}

export function initialEvidence(design: EvidenceDesign): Evidence {
  return {
    traffic: initialTraffic(),
    coverage: initialCoverage(),
    pairs: new Map(design.candidates.map((candidate) => [candidate, initialPair(design)])),
    units:
      design.unit === 'request'
        ? new UnitMemory(REMEMBERED_REQUESTS, 'forget', design.unitLayout)
        : new UnitMemory(REMEMBERED_UNITS, 'refuse', design.unitLayout),
    recentPictures: new Map(),
    newestEpoch: 0,
    newestStage: 0,
    busySeconds: [],
    newestAtMs: byTopic(() => null),
    scorer: null,
    foreignScores: 0,
  };
}

/**
 * Folds one event in, in place. Events of other experiments or revisions, without assignment, or of shadow traffic are ignored.
 * Events whose variant was not drawn at random (fail-safe, override …) count as requests and say nothing else.
 * @returns whether the evidence changed.
 */
export function foldEvent(evidence: Evidence, design: EvidenceDesign, event: ObservedEvent): boolean {
  return event.type === 'preference.judged.v1'
    ? foldJudgement(evidence, design, event)
    : foldRequestEvent(evidence, design, event);
}

function foldRequestEvent(evidence: Evidence, design: EvidenceDesign, event: RequestEvent): boolean {
  const { assignment } = event.data;
  if (assignment?.experiment !== design.experiment || assignment.revision !== design.revision) return false;
  if (event.type === 'generation.completed.v1' && event.data.shadow) return false;

  noteTime(evidence, event);
  if (event.type === 'request.routed.v1') count(evidence.traffic.requests, assignment.variant);
  if (assignment.epoch >= evidence.newestEpoch) {
    evidence.newestEpoch = assignment.epoch;
    evidence.newestStage = assignment.stage;
  }
  if (assignment.reason !== 'SPLIT' || isForeignScore(evidence, event)) return true;

  const unit = memoryKey(assignment.unit);
  const mark = evidence.units.recall(unit);
  if (mark === null) return true;
  const isNew = !hasBit(mark, SEEN_BIT);
  const isSameEpoch = mark.words[0] === assignment.epoch;
  let isChanged = isNew || !isSameEpoch;
  mark.words[0] = assignment.epoch;
  setBit(mark, SEEN_BIT);
  // A unit's own sums are those under one allocation: under another it is another member of the sample.
  if (!isSameEpoch) mark.numbers.fill(0);

  if (event.type === 'request.routed.v1' && isChanged) countUnit(evidence, assignment, isNew);
  if (!hasBit(mark, COVERED_BIT) && isCovered(event) && assignment.assignedAt !== undefined) {
    setBit(mark, COVERED_BIT);
    isChanged = true;
    const side = event.type === 'request.routed.v1' ? evidence.coverage.answered : evidence.coverage.scored;
    countCoverage(side, assignment.epoch, assignment.variant, Date.parse(assignment.assignedAt));
  }
  if (observeMetrics(evidence, design, event, assignment, mark)) isChanged = true;
  if (isChanged) evidence.units.remember(unit, mark);
  return true;
}

/** One vote per rater and prompt, remembered like a unit; pairs of two candidates say nothing about either and control. */
function foldJudgement(
  evidence: Evidence,
  design: EvidenceDesign,
  event: TeststripEvent<'preference.judged.v1'>,
): boolean {
  const { experiment, revision, rater, prompt, left, right, preferred } = event.data;
  if (experiment !== design.experiment || revision !== design.revision) return false;
  noteTime(evidence, event);
  const isControlLeft = left.variant === design.control;
  const candidate = isControlLeft ? right.variant : left.variant;
  const pair = evidence.pairs.get(candidate);
  if (pair === undefined || (isControlLeft ? left : right).variant !== design.control) return true;
  const key = memoryKey(`${candidate} ${voteKey(rater, prompt)}`);
  const mark = evidence.units.recall(key);
  if (mark === null) return true;
  const isFirst = !hasBit(mark, SEEN_BIT);
  const vote = preferred === 'tie' ? 'tie' : (preferred === 'left') === isControlLeft ? 'control' : 'candidate';
  for (const index of design.byTopic[event.type]) {
    observeInPair(
      pair,
      design.metrics[index] as MetricDesign,
      { ...NOTHING_ELSE, arm: 'candidate', propensity: 0.5, value: VOTE_VALUES[vote], isFirst },
      design.baselineUnits,
    );
  }
  if (!isFirst) return true;
  setBit(mark, SEEN_BIT);
  evidence.units.remember(key, mark);
  return true;
}

const NOTHING_ELSE = { isFirstBad: false, denominator: 1, before: null, picture: null } as const;

/** @returns whether the unit's mark has changed. */
function observeMetrics(
  evidence: Evidence,
  design: EvidenceDesign,
  event: RequestEvent,
  assignment: Assignment,
  mark: UnitMark,
): boolean {
  const facts = { isDuplicate: event.type === 'image.scored.v1' && isDuplicate(evidence, event, assignment) };
  const isEarlierStage = assignment.stage < evidence.newestStage;
  const sides = sidesOf(evidence, design, assignment);
  let isChanged = false;
  for (const index of design.byTopic[event.type]) {
    const metric = design.metrics[index] as MetricDesign;
    const { definition } = metric;
    if (isEarlierStage && definition.lateData === 'ignored-after-stage') continue;
    const read = readValue(metric, event, facts);
    if (read === null) continue;
    const isFirst = !hasBit(mark, metric.measuredBit);
    if (isFirst) setBit(mark, metric.measuredBit);
    const isFirstBad = definition.kind === 'rate' && read.value === 1 && !hasBit(mark, metric.badBit);
    if (isFirstBad) setBit(mark, metric.badBit);
    const before = metric.numbersAt < 0 ? null : addToOwnSums(mark, metric.numbersAt, read);
    if (isFirst || isFirstBad || metric.numbersAt >= 0) isChanged = true;
    for (const { pair, arm, propensity } of sides) {
      const { value, denominator, picture } = read;
      const seen = { arm, propensity, value, isFirst, isFirstBad, denominator, before, picture };
      observeInPair(pair, metric, seen, design.baselineUnits);
      if (definition.name === 'quality' && event.type === 'image.scored.v1')
        observeHeads(pair, design, event.data.quality, seen);
    }
  }
  return isChanged;
}

type Read = Pick<Observation, 'value' | 'denominator' | 'picture'>;

/** What the event says about the metric, with what never came turned into what the metric's rule makes of it; null: nothing. */
function readValue(
  { definition }: MetricDesign,
  event: RequestEvent,
  facts: { readonly isDuplicate: boolean },
): Read | null {
  // The design lists a metric under its own topic only, so the event's data are the ones it reads.
  const data = event.data as never;
  switch (definition.kind) {
    case 'distribution':
    case 'diversity': {
      const embedding = definition.embedding(data, facts);
      if (embedding === null) return null;
      return { value: 1, denominator: 1, picture: { unit: event.data.assignment?.unit as string, embedding } };
    }
    case 'ratio': {
      const value = inTime(definition.observe(data, facts), definition.lateData);
      const denominator = definition.denominator(data, facts);
      if (value === null || denominator === null || Number.isNaN(denominator)) return null;
      return { value, denominator: withinRange(denominator), picture: null };
    }
    case 'preference':
    case 'coverage':
      return null;
    default: {
      const value = inTime((definition as NumberMetric).observe(data, facts), definition.lateData);
      return value === null ? null : { value, denominator: 1, picture: null };
    }
  }
}

function inTime(observed: Observed, rule: LateData): number | null {
  if (observed === 'never-came') return rule === 'infinite' ? Infinity : null;
  return observed === null || Number.isNaN(observed) ? null : withinRange(observed);
}

/** No measurement is larger; sums of their squares stay finite numbers. */
const LARGEST_VALUE = 1e100;

function withinRange(value: number): number {
  if (Math.abs(value) <= LARGEST_VALUE || value === Infinity) return value;
  return Math.sign(value) * LARGEST_VALUE;
}

/** Sum, denominator and number of events. @returns what the unit's sums were before; null: nothing yet. */
function addToOwnSums({ numbers }: UnitMark, at: number, { value, denominator }: Read): Observation['before'] {
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
  quality: Readonly<Record<string, number>>,
  seen: Observation,
): void {
  for (const head of Object.keys(quality).sort()) {
    const value = quality[head] as number;
    if (head === '' || Number.isNaN(value) || design.names.has(headName(head))) continue;
    observeHead(pair, head, { ...seen, value: withinRange(value) });
  }
}

/** One candidate's pair, and on which side of it an event is. */
interface Side {
  readonly pair: PairEvidence;
  readonly arm: Arm;
  readonly propensity: number;
}

/** Control's events belong to every pair, a candidate's to its own. */
function sidesOf(evidence: Evidence, design: EvidenceDesign, assignment: Assignment): readonly Side[] {
  const arm: Arm = assignment.variant === design.control ? 'control' : 'candidate';
  const sides: Side[] = [];
  for (const [candidate, pair] of evidence.pairs) {
    if (arm === 'candidate' && candidate !== assignment.variant) continue;
    sides.push({ pair, arm, propensity: propensityAgainstControl(assignment, candidate) });
  }
  return sides;
}

/**
 * The evidence of two disjoint parts of the log. Commutative and, up to rounding, associative; the empty evidence is neutral.
 * For analysis: what is merged can't be folded on, since units are remembered by the parts.
 */
export function mergeEvidence(a: Evidence, b: Evidence): Evidence {
  const newest = a.newestEpoch >= b.newestEpoch ? a : b;
  const pairs = new Map<string, PairEvidence>();
  for (const [candidate, pair] of a.pairs) {
    const other = b.pairs.get(candidate);
    pairs.set(candidate, other ? mergePairs(pair, other) : pair);
  }
  const units = new UnitMemory(0, 'refuse');
  units.refused = a.units.refused + b.units.refused;
  return {
    traffic: mergeTraffic(a.traffic, b.traffic),
    coverage: mergeCoverage(a.coverage, b.coverage),
    pairs,
    units,
    recentPictures: new Map(),
    newestEpoch: newest.newestEpoch,
    newestStage: newest.newestStage,
    busySeconds: mergeBusySeconds(a.busySeconds, b.busySeconds),
    newestAtMs: byTopic((topic) => largest(a.newestAtMs[topic], b.newestAtMs[topic])),
    scorer: a.scorer ?? b.scorer,
    foreignScores:
      a.foreignScores + b.foreignScores + (a.scorer !== null && b.scorer !== null && a.scorer !== b.scorer ? 1 : 0),
  };
}

function noteTime(evidence: Evidence, event: ObservedEvent): void {
  const atMs = Date.parse(event.time);
  const newest = evidence.newestAtMs[event.type];
  if (newest === null || atMs > newest) evidence.newestAtMs[event.type] = atMs;
  if (event.type === 'request.routed.v1' && event.data.outcome === 'succeeded') {
    evidence.busySeconds = addBusySecond(evidence.busySeconds, atMs);
  }
}

function isForeignScore(evidence: Evidence, event: RequestEvent): boolean {
  if (event.type !== 'image.scored.v1' || event.data.outcome !== 'scored') return false;
  const { digest, preprocessing } = event.data.identity;
  const scorer = `${digest}/${preprocessing}`;
  evidence.scorer ??= scorer;
  if (evidence.scorer === scorer) return false;
  evidence.foreignScores += 1;
  return true;
}

function isDuplicate(
  { recentPictures }: Evidence,
  { data }: TeststripEvent<'image.scored.v1'>,
  { variant }: Assignment,
): boolean {
  if (data.outcome !== 'scored') return false;
  const place = memoryKey(`${data.generationId} ${data.imageIndex}`);
  return notePicture(recentPictures, variant, data.image.sha256, place);
}

function countUnit(evidence: Evidence, { epoch, stage, weightsPpm, variant }: Assignment, isNew: boolean): void {
  const traffic = epochOf(evidence.traffic, epoch, stage, weightsPpm);
  traffic.distinct += 1;
  if (isNew) count(traffic.firstSeen, variant);
}

/** Answered pictures on one side, scored ones on the other. */
function isCovered(event: RequestEvent): boolean {
  if (event.type === 'request.routed.v1') return event.data.outcome === 'succeeded';
  return event.type === 'image.scored.v1' && event.data.outcome === 'scored';
}

function byTopic<Value>(valueOf: (topic: ObservedTopic) => Value): Record<ObservedTopic, Value> {
  return Object.fromEntries(OBSERVED_TOPICS.map((topic) => [topic, valueOf(topic)])) as Record<ObservedTopic, Value>;
}

function largest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
