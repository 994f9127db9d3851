import {
  type Assignment,
  type ImageScored,
  isCopy,
  isJudgedPicture,
  isNameless,
  propensityAgainst,
  type TeststripEvent,
} from '#libs/contracts';
import { voteKey, windowAfter } from '#libs/statistics';
import type { EvidenceDesign } from '../catalogue/evidence-design.js';
import { VOTE_VALUES } from '../kinds/preference-method.js';
import { allocationOf } from './allocation.js';
import { type Coverage, countCoverage } from './coverage.js';
import type { Evidence, ObservedEvent } from './evidence.js';
import { noteRequestOf } from './heavy-units.js';
import { timeMs } from './iso-time.js';
import { memoryKey } from './memory-key.js';
import { observeMetrics, type RequestEvent } from './observe-metrics.js';
import { addToTotals, closeTotals } from './observe-totals.js';
import { observeJudgement } from './pair-evidence.js';
import { noteArrival } from './newcomers.js';
import { foldPair } from '../pairs/fold-pair.js';
import { beat, type PulseSource } from './pulse.js';
import { isServiceFailure } from '../catalogue/request-metrics.js';
import { noteOutcome } from './recent-outcomes.js';
import { notePicture } from './recent-pictures.js';
import { noteSeparation } from './separation.js';
import { enterStrangersWindow, hasHadBad, noteBad } from './strangers.js';
import { noteGeneration, noteRouted } from './reports.js';
import { count, trafficUnder } from './traffic.js';
import { COVERED_BIT, REQUESTS_AT, REQUESTS_BITS, SEEN_BIT, WINDOW_AT, WINDOW_BITS } from './unit-facts.js';
import { blankMark, clearBits, hasBit, readBits, setBit, type UnitMark, writeBits } from './unit-mark.js';

/**
 * Folds one event in, in place. Events of other experiments or revisions, without assignment, or of a stage that the ramp does not have are
 * ignored. Shadow traffic is compared in pairs and counts nowhere else.
 * Events whose variant was not drawn at random (fail-safe, override …) count as requests and say nothing else.
 * @param carriedAtMs when the carrier took the event into the log, ms since 1970: the one clock that events of different services share.
 * It is stored in the log, so a replay sees the same. Without a carrier it is the event's own time.
 * @returns whether the evidence changed.
 */
export function foldEvent(
  evidence: Evidence,
  design: EvidenceDesign,
  event: ObservedEvent,
  carriedAtMs: number = timeMs(event.time),
): boolean {
  return event.type === 'preference.judged.v1'
    ? foldJudgement(evidence, design, event, carriedAtMs)
    : foldRequestEvent(evidence, design, event, carriedAtMs);
}

function foldRequestEvent(
  evidence: Evidence,
  design: EvidenceDesign,
  event: RequestEvent,
  carriedAtMs: number,
): boolean {
  const { assignment } = event.data;
  if (assignment?.experiment !== design.experiment || assignment.revision !== design.revision) return false;
  // One such event would make every later one an event of an earlier stage.
  if (assignment.stage >= design.stageCount) return false;
  if (isCopy(assignment)) return foldCopy(evidence, design, event, { assignment, carriedAtMs });
  if (event.type === 'generation.completed.v1' && event.data.shadow) return false;

  noteTime(evidence, event, carriedAtMs);
  for (const kind of event.mended ?? []) count(evidence.mended, kind);
  noteRequest(evidence, event, assignment, carriedAtMs);
  noteReports(evidence, event, assignment, carriedAtMs);
  if (assignment.reason !== 'SPLIT' || isForeignScore(evidence, event)) return true;
  if (event.type === 'image.scored.v1' && assignment.variant === design.control) {
    noteSeparation(evidence.separation, event.data);
  }
  // Before anything else of the request: what the pair is compared with is fixed by then.
  if (assignment.pair !== undefined) foldPair(evidence, design, event, { assignment, carriedAtMs });
  if (isNameless(assignment.unit)) return noteNameless(evidence, event);

  closeTotals(evidence, design, event.type, carriedAtMs);
  const unit = memoryKey(assignment.unit);
  const mark = evidence.units.recall(unit);
  if (event.type === 'request.routed.v1') {
    noteRequestOf(evidence.heavyUnits, assignment.unit);
    noteArrival(evidence.newcomers, mark !== null && !hasBit(mark, SEEN_BIT), carriedAtMs);
  }
  if (mark === null) return foldStranger(evidence, design, event, { assignment, unit, atMs: carriedAtMs });
  const window = enterWindow(evidence, mark);
  let isChanged = noteUnit(evidence, event, assignment, mark);
  const isFirstDelivered = noteDelivery(evidence, design, event, { assignment, mark, carriedAtMs });
  if (isFirstDelivered) isChanged = true;
  const facts = { isDuplicate: isDuplicate(evidence, event, assignment.variant, unit) };
  const occasion = { assignment, unit, mark, facts, window, atMs: carriedAtMs, isStranger: false, isFirstDelivered };
  if (observeMetrics(evidence, design, event, occasion)) isChanged = true;
  if (addToTotals(evidence, event, occasion)) isChanged = true;
  if (isChanged) evidence.units.remember(unit, mark);
  return true;
}

/**
 * The copy of a pair. Nobody was served by it, so it is no request and no unit's value; what its service says of itself is held against the
 * declared configuration like that of every other.
 */
function foldCopy(
  evidence: Evidence,
  design: EvidenceDesign,
  event: RequestEvent,
  { assignment, carriedAtMs }: { readonly assignment: Assignment; readonly carriedAtMs: number },
): boolean {
  if (!evidence.paired.has(assignment.variant)) return false;
  noteNewest(evidence, event, carriedAtMs);
  for (const kind of event.mended ?? []) count(evidence.mended, kind);
  noteReports(evidence, event, assignment, carriedAtMs);
  if (!isForeignScore(evidence, event)) foldPair(evidence, design, event, { assignment, carriedAtMs });
  return true;
}

/**
 * A unit that came when the memory was full: whether its values are its first is not known, so they prove nothing. Its first bad event of the
 * window counts for harm like everybody's.
 */
function foldStranger(
  evidence: Evidence,
  design: EvidenceDesign,
  event: RequestEvent,
  { assignment, unit, atMs }: { readonly assignment: Assignment; readonly unit: number; readonly atMs: number },
): true {
  const { facts, strangers } = evidence;
  const window = windowAfter(evidence.observed);
  evidence.observed += 1;
  enterStrangersWindow(strangers, window);
  const mark = blankMark(facts.layout);
  const badBits: number[] = [];
  for (const { badBit } of facts.places.values()) {
    if (badBit === null) continue;
    if (hasHadBad(strangers, unit, badBit)) setBit(mark, badBit);
    else badBits.push(badBit);
  }
  const known = { isDuplicate: isDuplicate(evidence, event, assignment.variant, unit) };
  observeMetrics(evidence, design, event, {
    assignment,
    mark,
    facts: known,
    window,
    atMs,
    isStranger: true,
    isFirstDelivered: false,
  });
  for (const badBit of badBits) if (hasBit(mark, badBit)) noteBad(strangers, unit, badBit);
  return true;
}

/** In a new window every unit may have a first bad event again. @returns the present window. */
function enterWindow(evidence: Evidence, mark: UnitMark): number {
  const window = windowAfter(evidence.observed);
  evidence.observed += 1;
  if (readBits(mark, WINDOW_AT, WINDOW_BITS) === window) return window;
  clearBits(mark, evidence.facts.badBits);
  writeBits(mark, WINDOW_AT, WINDOW_BITS, window);
  return window;
}

/**
 * Requests of nobody in particular were drawn once, all together, by a router that took the name of a missing value for a unit: they are
 * not many units, and as one they would be one observation at most.
 */
function noteNameless(evidence: Evidence, event: RequestEvent): true {
  if (event.type === 'request.routed.v1') evidence.namelessRequests += 1;
  return true;
}

/** What an event says whatever its unit: that a request came, how it ended, and the newest allocation. */
function noteRequest(evidence: Evidence, event: RequestEvent, assignment: Assignment, carriedAtMs: number): void {
  if (event.type === 'request.routed.v1') {
    count(evidence.traffic.requests, assignment.variant);
    noteOutcome(evidence.recent, assignment.variant, isServiceFailure(event.data), carriedAtMs);
  }
  if (assignment.epoch < evidence.newestEpoch) return;
  evidence.newestEpoch = assignment.epoch;
  evidence.newestStage = assignment.stage;
}

/** Counts the unit under its allocation, once, and its requests. @returns whether its mark has changed. */
function noteUnit(evidence: Evidence, event: RequestEvent, assignment: Assignment, mark: UnitMark): boolean {
  const { epoch, variant } = assignment;
  const allocation = allocationOf(assignment);
  const isNew = !hasBit(mark, SEEN_BIT);
  // Marks of before say the epoch.
  const isSame = mark.words[0] === allocation.mark || (!isNew && mark.words[0] === epoch);
  mark.words[0] = allocation.mark;
  setBit(mark, SEEN_BIT);
  // A unit's own sums are those under one allocation: under another it is another member of the sample.
  if (!isSame) mark.numbers.fill(0);
  if (event.type !== 'request.routed.v1') return isNew || !isSame;
  const traffic = trafficUnder(evidence.traffic, allocation, epoch);
  if (isNew || !isSame) traffic.distinct += 1;
  if (isNew) count(traffic.firstSeen, variant);
  // n² grows to (n + 1)².
  const before = isSame ? readBits(mark, REQUESTS_AT, REQUESTS_BITS) : 0;
  writeBits(mark, REQUESTS_AT, REQUESTS_BITS, before + 1);
  traffic.squaredRequests += 2 * before + 1;
  count(traffic.requests, variant);
  return true;
}

/**
 * Counts the unit as answered, as reported or as scored, once, by the second it was assigned in.
 * @returns whether this is the unit's first event with what it asked for.
 */
function noteDelivery(
  { coverage }: Evidence,
  { candidates, control }: EvidenceDesign,
  event: RequestEvent,
  occasion: { readonly assignment: Assignment; readonly mark: UnitMark; readonly carriedAtMs: number },
): boolean {
  const { mark, carriedAtMs, assignment } = occasion;
  const { assignedAt, variant } = assignment;
  if (hasBit(mark, COVERED_BIT)) return false;
  const side = sideOf(event);
  if (side === null) return false;
  setBit(mark, COVERED_BIT);
  if (assignedAt === undefined) return true;
  const atMs = plausibleMs(timeMs(assignedAt), carriedAtMs);
  for (const candidate of candidates) {
    if (variant !== candidate && variant !== control) continue;
    const arm = variant === control ? 'control' : 'candidate';
    const propensity = propensityAgainst(assignment, candidate, control);
    countCoverage(coverage[side], { candidate, arm, propensity }, atMs);
  }
  return true;
}

/**
 * What a router may be ahead of the carrier, ms. Up to this its own clock orders its requests; what it assigned later than that is
 * counted when the carrier took it, or one router in another year would make every later request an old one.
 */
const MOST_AHEAD_MS = 60_000;

function plausibleMs(atMs: number, carriedAtMs: number): number {
  return atMs > carriedAtMs + MOST_AHEAD_MS ? carriedAtMs : atMs;
}

/** Answered requests on one side; reported generations and scored pictures on the others. */
function sideOf(event: RequestEvent): keyof Coverage | null {
  switch (event.type) {
    case 'request.routed.v1':
      return event.data.outcome === 'delivered' ? 'answered' : null;
    case 'generation.completed.v1':
      return event.data.outcome === 'delivered' ? 'generated' : null;
    case 'image.scored.v1':
      return isJudgedPicture(event.data) ? 'scored' : null;
    case 'feedback.recorded.v1':
      return null;
    default:
      return event satisfies never;
  }
}

/** One vote per rater and prompt, remembered like a unit; pairs of two candidates say nothing about either and control. */
function foldJudgement(
  evidence: Evidence,
  design: EvidenceDesign,
  event: TeststripEvent<'preference.judged.v1'>,
  carriedAtMs: number,
): boolean {
  const { experiment, revision, rater, prompt, left, right, preferred } = event.data;
  if (experiment !== design.experiment || revision !== design.revision) return false;
  noteTime(evidence, event, carriedAtMs);
  const isControlLeft = left.variant === design.control;
  const candidate = isControlLeft ? right.variant : left.variant;
  const pair = evidence.pairs.get(candidate);
  if (pair === undefined || (isControlLeft ? left : right).variant !== design.control) return true;
  const key = memoryKey(`${candidate} ${voteKey(rater, prompt)}`);
  const mark = evidence.units.recall(key);
  if (mark === null) return true;
  const isFirst = !hasBit(mark, SEEN_BIT);
  const vote = preferred === 'tie' ? 'tie' : (preferred === 'left') === isControlLeft ? 'control' : 'candidate';
  const judgement = { value: VOTE_VALUES[vote], isFirst, atMs: carriedAtMs };
  for (const metric of design.judged) observeJudgement(pair, metric, judgement, design.baselineUnits);
  if (!isFirst) return true;
  setBit(mark, SEEN_BIT);
  evidence.units.remember(key, mark);
  return true;
}

function noteTime(evidence: Evidence, event: ObservedEvent, carriedAtMs: number): void {
  noteNewest(evidence, event, carriedAtMs);
  if (event.type === 'image.scored.v1' && isOutOfReach(event.data)) {
    evidence.unscored.pictures += 1;
    evidence.unscored.reason = event.data.reason;
  }
  const source = sourceOf(event);
  if (source !== null) beat(evidence.pulses[source], carriedAtMs);
}

function noteNewest({ newestAtMs }: Evidence, event: ObservedEvent, carriedAtMs: number): void {
  const newest = newestAtMs[event.type];
  if (newest === null || carriedAtMs > newest) newestAtMs[event.type] = carriedAtMs;
}

/** Whose voice an event is; null: that of nobody who is expected to speak. */
function sourceOf(event: ObservedEvent): PulseSource | null {
  switch (event.type) {
    case 'request.routed.v1':
      return event.data.outcome === 'delivered' ? 'answered' : null;
    case 'generation.completed.v1':
      return 'generated';
    case 'image.scored.v1':
      return event.data.imageIndex === 0 && !isOutOfReach(event.data) ? 'scored' : null;
    case 'feedback.recorded.v1':
    case 'preference.judged.v1':
      return null;
    default:
      return event satisfies never;
  }
}

/**
 * Whether the scorer could not get the picture, may not read it or can't: that says nothing of the picture, and a scorer that says nothing else is
 * silent.
 */
function isOutOfReach({ outcome }: ImageScored): boolean {
  return outcome === 'unavailable' || outcome === 'late' || outcome === 'refused' || outcome === 'unsupported';
}

/** Whatever was drawn: the services answer for it all alike. */
function noteReports({ reports }: Evidence, event: RequestEvent, assignment: Assignment, carriedAtMs: number): void {
  if (event.type === 'request.routed.v1') noteRouted(reports, assignment, event.data);
  if (event.type === 'generation.completed.v1') noteGeneration(reports, assignment, event.data, carriedAtMs);
}

function isForeignScore(evidence: Evidence, event: RequestEvent): boolean {
  if (event.type !== 'image.scored.v1' || event.data.outcome !== 'scored') return false;
  const { identity } = event.data;
  evidence.scorer ??= nameOf(identity);
  if (isNameOf(evidence.scorer, identity)) return false;
  evidence.foreignScores += 1;
  evidence.foreignScorer = nameOf(identity);
  return true;
}

interface ScorerIdentity {
  readonly digest: string;
  readonly preprocessing: string;
}

function nameOf({ digest, preprocessing }: ScorerIdentity): string {
  return `${digest}/${preprocessing}`;
}

/** Without making the name anew for every score. */
function isNameOf(name: string, { digest, preprocessing }: ScorerIdentity): boolean {
  return (
    name.length === digest.length + 1 + preprocessing.length &&
    name.startsWith(digest) &&
    name.charAt(digest.length) === '/' &&
    name.endsWith(preprocessing)
  );
}

/** @param unit its memory key. */
function isDuplicate({ recentPictures }: Evidence, event: RequestEvent, variant: string, unit: number): boolean {
  if (event.type !== 'image.scored.v1' || event.data.outcome !== 'scored') return false;
  const { generationId, imageIndex, image, pixels } = event.data;
  // Services write their parameters into files: pictures are the same when their pixels are. Events of before tell their files' digests.
  const digest = pixels ?? image.sha256;
  if (digest === null) return false;
  const place = memoryKey(`${generationId} ${imageIndex}`);
  return notePicture(recentPictures, variant, digest, { place, unit });
}
