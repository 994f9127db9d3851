import type { TeststripEvent } from '#libs/contracts';
import { OBSERVED_TOPICS, type ObservedTopic } from '../catalogue/definition.js';
import type { EvidenceDesign } from '../catalogue/evidence-design.js';
import { type Coverage, coverageUntil, initialCoverage, mergeCoverage } from './coverage.js';
import { type HeavyUnits, initialHeavyUnits, mergeHeavyUnits } from './heavy-units.js';
import { initialNewcomers, mergeNewcomers, type Newcomers } from './newcomers.js';
import { initialPair, mergePairs, type PairEvidence } from './pair-evidence.js';
import { initialPairMemory, type PairMemory } from '../pairs/pair-memory.js';
import { initialPairedEvidence, mergePairedEvidence, type PairedEvidence } from '../pairs/paired-evidence.js';
import { initialPulses, mergePulses, type Pulses } from './pulse.js';
import { mergeRecentOutcomes, type RecentOutcomes } from './recent-outcomes.js';
import type { RecentPictures } from './recent-pictures.js';
import { initialSeparation, mergeSeparation, type Separation } from './separation.js';
import { initialStrangers, type Strangers } from './strangers.js';
import { mergeReports, type Reports } from './reports.js';
import { addCounts, initialTraffic, mergeTraffic, type Traffic } from './traffic.js';
import { type UnitFacts, unitFacts } from './unit-facts.js';
import { initialTotals, type OpenTotals } from './unit-totals.js';
import { UnitMemory } from './unit-memory.js';
import { initialWarmth, type WarmthByTopic } from './warmth.js';

/** Units of a partition that are remembered where they come back (users, sessions): 100 MiB at most. */
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
  /** By candidate. */
  readonly pairs: ReadonlyMap<string, PairEvidence>;
  /** What shadow traffic says, by candidate. */
  readonly paired: ReadonlyMap<string, PairedEvidence>;
  readonly pairMemory: PairMemory;
  readonly units: UnitMemory;
  /** What the memory's marks mean. */
  readonly facts: UnitFacts;
  /** Units that had been seen, by variant, when a metric was added to evidence that was under way; by the metric's name. */
  readonly seenBefore: Map<string, ReadonlyMap<string, number>>;
  readonly recentPictures: RecentPictures;
  /** How the newest requests of each variant ended. */
  readonly recent: RecentOutcomes;
  readonly newcomers: Newcomers;
  readonly heavyUnits: HeavyUnits;
  readonly strangers: Strangers;
  /** Totals of units whose windows are open. */
  readonly totals: OpenTotals;
  /** Requests whose unit's name names nobody. */
  namelessRequests: number;
  /** Events of named, randomised units: what the windows of units' first bad events are counted in. */
  observed: number;
  readonly warmth: WarmthByTopic;
  newestEpoch: number;
  newestStage: number;
  /** What the services say of themselves. */
  readonly reports: Reports;
  /** What had to be mended in the experiment's events when they were read, by kind. */
  readonly mended: Map<string, number>;
  /** Pictures that the scorer could not get or may not read, and why the latest of them. */
  unscored: { pictures: number; reason: string | null };
  /** When the sources spoke, by the carrier's clock. */
  readonly pulses: Pulses;
  /** When the carrier took the newest event, by topic, ms since 1970; null: none. */
  readonly newestAtMs: Record<ObservedTopic, number | null>;
  /** How well the scorer tells prompts apart by control's pictures. */
  readonly separation: Separation;
  /** Whose scores these are; scores of others are counted, not compared. */
  scorer: string | null;
  foreignScores: number;
  /** The latest of the others. */
  foreignScorer: string | null;
}

/**
 * @param topic whose events will be folded; null: those of any topic, which makes every unit's mark longer.
 * @param rememberedUnits how many units are remembered where they come back.
 */
export function initialEvidence(
  design: Pick<EvidenceDesign, 'candidates' | 'unit' | 'metrics' | 'readers'>,
  topic: ObservedTopic | null = null,
  rememberedUnits = REMEMBERED_UNITS,
): Evidence {
  const facts = unitFacts(design, topic);
  return {
    traffic: initialTraffic(),
    coverage: initialCoverage(),
    pairs: new Map(design.candidates.map((candidate) => [candidate, initialPair()])),
    paired: new Map(design.candidates.map((candidate) => [candidate, initialPairedEvidence()])),
    pairMemory: initialPairMemory(),
    units:
      design.unit === 'request'
        ? new UnitMemory(REMEMBERED_REQUESTS, 'forget', facts.layout)
        : new UnitMemory(rememberedUnits, 'refuse', facts.layout),
    facts,
    seenBefore: new Map(),
    recentPictures: new Map(),
    recent: new Map(),
    newcomers: initialNewcomers(),
    heavyUnits: initialHeavyUnits(),
    strangers: initialStrangers(),
    totals: initialTotals(),
    namelessRequests: 0,
    observed: 0,
    warmth: initialWarmth(),
    newestEpoch: 0,
    newestStage: 0,
    reports: new Map(),
    mended: new Map(),
    unscored: { pictures: 0, reason: null },
    pulses: initialPulses(),
    newestAtMs: byTopic(() => null),
    separation: initialSeparation(),
    scorer: null,
    foreignScores: 0,
    foreignScorer: null,
  };
}

/**
 * The evidence of two disjoint parts of the log. Commutative and, up to rounding, associative; the empty evidence is neutral.
 * For analysis: what is merged can't be folded on, since units are remembered by the parts.
 */
export function mergeEvidence(a: Evidence, b: Evidence): Evidence {
  const newest = a.newestEpoch >= b.newestEpoch ? a : b;
  const units = new UnitMemory(0, 'refuse');
  units.refused = a.units.refused + b.units.refused;
  return {
    traffic: mergeTraffic(a.traffic, b.traffic),
    coverage: mergeCoverage(a.coverage, b.coverage),
    pairs: mergeByCandidate(a.pairs, b.pairs, mergePairs),
    paired: mergeByCandidate(a.paired, b.paired, mergePairedEvidence),
    pairMemory: initialPairMemory(),
    units,
    facts: a.facts,
    seenBefore: mergeSeenBefore(a.seenBefore, b.seenBefore),
    recentPictures: new Map(),
    recent: mergeRecentOutcomes(a.recent, b.recent),
    newcomers: mergeNewcomers(a.newcomers, b.newcomers),
    heavyUnits: mergeHeavyUnits(a.heavyUnits, b.heavyUnits),
    strangers: initialStrangers(),
    totals: initialTotals(),
    namelessRequests: a.namelessRequests + b.namelessRequests,
    observed: a.observed + b.observed,
    warmth: initialWarmth(),
    newestEpoch: newest.newestEpoch,
    newestStage: newest.newestStage,
    reports: mergeReports(a.reports, b.reports),
    mended: addCounts(a.mended, b.mended),
    unscored: mergeUnscored(a.unscored, b.unscored),
    pulses: mergePulses(a.pulses, b.pulses),
    newestAtMs: byTopic((topic) => largest(a.newestAtMs[topic], b.newestAtMs[topic])),
    separation: mergeSeparation(a.separation, b.separation),
    scorer: a.scorer ?? b.scorer,
    foreignScorer: a.foreignScorer ?? b.foreignScorer ?? (a.scorer !== null && b.scorer !== a.scorer ? b.scorer : null),
    foreignScores:
      a.foreignScores + b.foreignScores + (a.scorer !== null && b.scorer !== null && a.scorer !== b.scorer ? 1 : 0),
  };
}

/** For analysis: reports and scores are missed of requests up to that time only, because some part of the log is folded no further. */
export function judgeCoverageUntil(evidence: Evidence, untilMs: number): Evidence {
  const paired = [...evidence.paired].map(
    ([candidate, pairs]) => [candidate, { ...pairs, coverage: coverageUntil(pairs.coverage, untilMs) }] as const,
  );
  return { ...evidence, coverage: coverageUntil(evidence.coverage, untilMs), paired: new Map(paired) };
}

function mergeByCandidate<Of>(
  a: ReadonlyMap<string, Of>,
  b: ReadonlyMap<string, Of>,
  merge: (a: Of, b: Of) => Of,
): ReadonlyMap<string, Of> {
  return new Map(
    [...a].map(([candidate, of]) => {
      const other = b.get(candidate);
      return [candidate, other ? merge(of, other) : of];
    }),
  );
}

/** The reason of either part, whichever comes last in the alphabet: the same in any order. */
function mergeUnscored(a: Evidence['unscored'], b: Evidence['unscored']): Evidence['unscored'] {
  const reasons = [a.reason, b.reason].filter((reason) => reason !== null);
  return { pictures: a.pictures + b.pictures, reason: reasons.sort().at(-1) ?? null };
}

function mergeSeenBefore(a: Evidence['seenBefore'], b: Evidence['seenBefore']): Evidence['seenBefore'] {
  const merged = new Map(a);
  for (const [metric, units] of b) merged.set(metric, addCounts(merged.get(metric), units));
  return merged;
}

function byTopic<Value>(valueOf: (topic: ObservedTopic) => Value): Record<ObservedTopic, Value> {
  return Object.fromEntries(OBSERVED_TOPICS.map((topic) => [topic, valueOf(topic)])) as Record<ObservedTopic, Value>;
}

function largest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
