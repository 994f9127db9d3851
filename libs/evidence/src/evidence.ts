import { type Assignment, pairPropensity, type TeststripEvent } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import { addBusySecond, type BusySeconds, mergeBusySeconds } from './busy-seconds.js';
import { type Coverage, countCoverage, initialCoverage, mergeCoverage } from './coverage.js';
import { COVERED_BIT, type EvidenceDesign, type MetricDesign, SEEN_BIT } from './design.js';
import { initialMetric, mergeMetric, type MetricEvidence, observeMetric } from './metric-evidence.js';
import type { ObservedTopic } from './metrics.js';
import { count, epochOf, initialTraffic, mergeTraffic, type Traffic } from './traffic.js';
import { hashUnit, UnitMemory } from './unit-memory.js';

/** Units of a partition that are remembered where they come back (users, sessions): 48 MiB at most. */
const REMEMBERED_UNITS = 1_000_000;
/** Requests don't come back; remembered are the recent ones, because an event may come twice and a request may have several pictures. */
const REMEMBERED_REQUESTS = 4_096;

/** An event that evidence is made of. */
export type ObservedEvent = TeststripEvent<ObservedTopic>;

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
  /** Candidate → evidence per metric, in the order of the design's metrics. */
  readonly pairs: ReadonlyMap<string, readonly MetricEvidence[]>;
  readonly units: UnitMemory;
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
    pairs: new Map(design.candidates.map((candidate) => [candidate, design.metrics.map(initialMetric)])),
    units:
      design.unit === 'request'
        ? new UnitMemory(REMEMBERED_REQUESTS, 'forget')
        : new UnitMemory(REMEMBERED_UNITS, 'refuse'),
    newestEpoch: 0,
    newestStage: 0,
    busySeconds: [],
    newestAtMs: { 'request.routed.v1': null, 'generation.completed.v1': null, 'image.scored.v1': null },
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

  const unit = hashUnit(assignment.unit);
  const before = evidence.units.recall(unit);
  if (before === null) return true;
  const epochMark = assignment.epoch & 0xffff;
  let bits = before.bits | SEEN_BIT;

  const isNew = before.bits === 0;
  if (event.type === 'request.routed.v1' && (isNew || before.epoch !== epochMark))
    countUnit(evidence, assignment, isNew);
  if ((bits & COVERED_BIT) === 0 && isCovered(event) && assignment.assignedAt !== undefined) {
    bits |= COVERED_BIT;
    const side = event.type === 'request.routed.v1' ? evidence.coverage.answered : evidence.coverage.scored;
    countCoverage(side, assignment.epoch, assignment.variant, Date.parse(assignment.assignedAt));
  }
  for (const index of design.byTopic[event.type]) {
    const metric = design.metrics[index] as MetricDesign;
    const value = valueOf(metric, event);
    if (value === null || Number.isNaN(value)) continue;
    const isFirst = (bits & metric.measuredBit) === 0;
    bits |= metric.measuredBit;
    const isFirstBad = metric.definition.kind === 'rate' && value === 1 && (bits & metric.badBit) === 0;
    if (isFirstBad) bits |= metric.badBit;
    observeForPairs(evidence, design, index, metric, assignment, value, isFirst, isFirstBad);
  }
  if (bits !== before.bits || before.epoch !== epochMark) evidence.units.remember(unit, { bits, epoch: epochMark });
  return true;
}

/**
 * The evidence of two disjoint parts of the log. Commutative and, up to rounding, associative; the empty evidence is neutral.
 * For analysis: what is merged can't be folded on, since units are remembered by the parts.
 */
export function mergeEvidence(a: Evidence, b: Evidence): Evidence {
  const newest = a.newestEpoch >= b.newestEpoch ? a : b;
  const pairs = new Map<string, readonly MetricEvidence[]>();
  for (const [candidate, metrics] of a.pairs) {
    const others = b.pairs.get(candidate);
    if (!others) throw new RangeError(`can't merge evidence: the other part has no candidate "${candidate}"`);
    pairs.set(
      candidate,
      metrics.map((metric, index) => mergeMetric(metric, others[index] as MetricEvidence)),
    );
  }
  const units = new UnitMemory(0, 'refuse');
  units.refused = a.units.refused + b.units.refused;
  return {
    traffic: mergeTraffic(a.traffic, b.traffic),
    coverage: mergeCoverage(a.coverage, b.coverage),
    pairs,
    units,
    newestEpoch: newest.newestEpoch,
    newestStage: newest.newestStage,
    busySeconds: mergeBusySeconds(a.busySeconds, b.busySeconds),
    newestAtMs: {
      'request.routed.v1': largest(a.newestAtMs['request.routed.v1'], b.newestAtMs['request.routed.v1']),
      'generation.completed.v1': largest(
        a.newestAtMs['generation.completed.v1'],
        b.newestAtMs['generation.completed.v1'],
      ),
      'image.scored.v1': largest(a.newestAtMs['image.scored.v1'], b.newestAtMs['image.scored.v1']),
    },
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

function isForeignScore(evidence: Evidence, event: ObservedEvent): boolean {
  if (event.type !== 'image.scored.v1' || event.data.outcome !== 'scored') return false;
  const { digest, preprocessing } = event.data.identity;
  const scorer = `${digest}/${preprocessing}`;
  evidence.scorer ??= scorer;
  if (evidence.scorer === scorer) return false;
  evidence.foreignScores += 1;
  return true;
}

function countUnit(evidence: Evidence, { epoch, stage, weightsPpm, variant }: Assignment, isNew: boolean): void {
  const traffic = epochOf(evidence.traffic, epoch, stage, weightsPpm);
  traffic.distinct += 1;
  if (isNew) count(traffic.firstSeen, variant);
}

/** Answered pictures on one side, scored ones on the other. */
function isCovered(event: ObservedEvent): boolean {
  if (event.type === 'request.routed.v1') return event.data.outcome === 'succeeded';
  return event.type === 'image.scored.v1' && event.data.outcome === 'scored';
}

function valueOf({ definition }: MetricDesign, event: ObservedEvent): number | null {
  // The design lists a metric under its own topic only, so the event's data are the ones it reads.
  return (definition.observe as (data: ObservedEvent['data']) => number | null)(event.data);
}

function observeForPairs(
  evidence: Evidence,
  design: EvidenceDesign,
  index: number,
  metric: MetricDesign,
  assignment: Assignment,
  value: number,
  isFirst: boolean,
  isFirstBad: boolean,
): void {
  const arm: Arm = assignment.variant === design.control ? 'control' : 'candidate';
  for (const [candidate, metrics] of evidence.pairs) {
    if (arm === 'candidate' && candidate !== assignment.variant) continue;
    const propensity = pairPropensity(assignment, candidate);
    const state = metrics[index] as MetricEvidence;
    observeMetric(state, metric, { arm, propensity, value, isFirst, isFirstBad }, design.baselineUnits);
  }
}

function largest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
