import type { AnalysisHealth, ConsistencyFinding } from '#libs/contracts';
import type { MetricDefinition } from '../catalogue/definition.js';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import type { Evidence } from '../fold/evidence.js';
import { blindAuc } from '../fold/separation.js';
import { type Level, MOST_FINGERPRINTS, REPORTED_FIELDS, type ReportedField, type Reports } from '../fold/reports.js';

type Finding = Omit<ConsistencyFinding, 'metrics'>;

/** The field of scores that says how well pictures fit their prompts. */
const ALIGNMENT = 'alignment';

/**
 * Whether what the services report can be true: their figures beside what the router measured of the same requests, in both variants, and
 * their fingerprints beside what the experiment declares. A difference of a factor of 1,000 is another unit of measure, not a candidate that is
 * 99.9 % better, and one that reports nothing but 0 measures nothing. `metrics` of a finding are those that rest on it.
 */
export function consistencyOf(
  { reports, scorer, foreignScores, foreignScorer, separation }: Evidence,
  design: EvidenceDesign,
): NonNullable<AnalysisHealth['consistency']> {
  const findings: Finding[] = [...unitFindings(reports, design), ...fingerprintFindings(reports, design)];
  if (foreignScores > 0) {
    const [expected, found] = [scorer, foreignScorer];
    findings.push({ kind: 'scorer-changed', variant: design.control, field: null, factor: null, expected, found });
  }
  const auc = blindAuc(separation);
  if (auc !== null) {
    findings.push({
      kind: 'scorer-blind',
      variant: design.control,
      field: ALIGNMENT,
      factor: auc,
      expected: null,
      found: null,
    });
  }
  const status = findings.length > 0 ? 'inconsistent' : hasReports(reports, design) ? 'ok' : 'not-enough-data';
  return { status, findings: findings.map((finding) => ({ ...finding, metrics: metricsOn(finding, design) })) };
}

/** Values of each variant before a level is compared: fewer than it takes to prove harm by a factor of ten. */
const FEWEST_VALUES = 5;

/**
 * How far the variants may differ in what a service says of itself per millisecond that the router measured (memory: by itself). Candidates
 * that save half are common; those that save 19 parts of 20 without being faster are not.
 */
const FACTORS: Readonly<Record<Exclude<ReportedField, 'routed.durationMs'>, number>> = {
  'timings.totalMs': 20,
  'timings.inferenceMs': 50,
  'gpu.seconds': 50,
  'gpu.memoryMiB': 50,
  cost: 50,
  'images.flagged': Infinity,
};

/** Compared as they are, whatever time a request took. */
const TIMELESS: ReadonlySet<ReportedField> = new Set(['gpu.memoryMiB', 'images.flagged']);

/** Seconds for milliseconds in every variant: their ratio to the router's time, give or take a factor of three. */
const SECONDS_FOR_MS = { low: 1 / 3_000, high: 1 / 300 };

function unitFindings(reports: Reports, { control, candidates }: EvidenceDesign): readonly Finding[] {
  const findings: Finding[] = [];
  for (const variant of [control, ...candidates]) {
    const ratio = ratioToRouter(reports, variant, 'timings.totalMs');
    if (ratio !== null && ratio > SECONDS_FOR_MS.low && ratio < SECONDS_FOR_MS.high)
      findings.push(otherUnit(variant, 'timings.totalMs', ratio));
  }
  for (const candidate of candidates) {
    for (const [field, most] of Object.entries(FACTORS) as [keyof typeof FACTORS, number][]) {
      const [ofControl, ofCandidate] = [control, candidate].map((variant) =>
        TIMELESS.has(field) ? usual(reports, variant, field) : ratioToRouter(reports, variant, field),
      ) as [number | null, number | null];
      const unmeasured = onlyZeroIn(reports, field, control, candidate);
      if (unmeasured !== null && !findings.some((known) => known.variant === unmeasured && known.field === field))
        findings.push(otherUnit(unmeasured, field, 0));
      if (ofControl === null || ofCandidate === null) continue;
      const factor = ofCandidate / ofControl;
      if (Math.max(factor, 1 / factor) < most) continue;
      const isControlOdd = field.startsWith('timings.') && isFartherFromOne(ofControl, ofCandidate);
      const [variant, odd] = isControlOdd ? [control, 1 / factor] : [candidate, factor];
      if (!findings.some((known) => known.variant === variant && known.field === field))
        findings.push(otherUnit(variant, field, odd));
    }
  }
  return findings;
}

/** Which of the two reports nothing but 0 where the other reports something: who measures nothing often says 0. Null: neither. */
function onlyZeroIn(reports: Reports, field: ReportedField, one: string, other: string): string | null {
  const isZero = (variant: string): boolean =>
    usual(reports, variant, field) === null && (reports.get(variant)?.zeros.get(field) ?? 0) >= FEWEST_VALUES;
  if (isZero(one) && usual(reports, other, field) !== null) return one;
  return isZero(other) && usual(reports, one, field) !== null ? other : null;
}

function otherUnit(variant: string, field: ReportedField, factor: number): Finding {
  return { kind: 'unit-of-measure', variant, field, factor, expected: null, found: null };
}

function isFartherFromOne(ratio: number, other: number): boolean {
  return Math.abs(Math.log(ratio)) > Math.abs(Math.log(other));
}

/** What a service reports for each millisecond that the router measured; null: too little is known. */
function ratioToRouter(reports: Reports, variant: string, field: ReportedField): number | null {
  const [own, routed] = [usual(reports, variant, field), usual(reports, variant, 'routed.durationMs')];
  return own === null || routed === null ? null : own / routed;
}

function usual(reports: Reports, variant: string, field: ReportedField): number | null {
  const level: Level | undefined = reports.get(variant)?.levels[field];
  return level === undefined || level.weight < FEWEST_VALUES ? null : Math.exp(level.lnMean);
}

/** What pods of a former deployment may still answer while they are replaced: a share of a variant's generations, and so many. */
const STRAY_SHARE = 0.01;
const STRAY_EVENTS = 2;
/** Old pods answer while they are replaced. What is first seen so long after the other is no leftover: a tenth of the share is enough, since what came before it does not speak for it. */
const LATE_AFTER_MS = 5 * 60_000;
const LATE_SHARE = 0.001;

/**
 * A variant's generations carry the fingerprint that the experiment declares for it. Where a service makes its fingerprints by another rule than ours none
 * does, in any variant: then the first one seen of a variant stands for it, and only a change, or two variants with the same one, is a finding.
 */
function fingerprintFindings(
  reports: Reports,
  { control, candidates, fingerprints, areFeatures }: EvidenceDesign,
): readonly Finding[] {
  if (areFeatures) return [];
  const variants = [control, ...candidates];
  // Drawn request by request: they name no configuration.
  if (variants.some((variant) => isDrawnPerRequest(reports, variant))) return [];
  const seen = new Map(variants.map((variant) => [variant, fingerprintsOf(reports, variant)]));
  const isOurRule = variants.some((variant) => seen.get(variant)?.includes(fingerprints[variant] ?? ''));
  const first = (variant: string): string | undefined => seen.get(variant)?.[0];
  return variants.flatMap((variant): Finding[] => {
    const found = seen.get(variant) ?? [];
    const declared = fingerprints[variant] ?? null;
    const expected = isOurRule ? declared : (found[0] ?? null);
    const foreign = found.find((fingerprint) => fingerprint !== expected);
    const about = { variant, field: null, factor: null };
    if (foreign !== undefined) {
      const isChange = expected !== null && found.includes(expected);
      return [
        { ...about, kind: isChange ? 'configuration-changed' : 'another-configuration', expected, found: foreign },
      ];
    }
    const isSame =
      variant !== control && !isOurRule && first(variant) !== undefined && first(variant) === first(control);
    if (!isSame || declared === fingerprints[control]) return [];
    return [{ ...about, kind: 'another-configuration', expected: null, found: first(variant) ?? null }];
  });
}

function isDrawnPerRequest(reports: Reports, variant: string): boolean {
  const of = reports.get(variant);
  return of !== undefined && (of.fingerprints.size > MOST_FINGERPRINTS || of.otherFingerprints > STRAY_EVENTS);
}

/** Those that are no strays, the first one seen first. */
function fingerprintsOf(reports: Reports, variant: string): readonly string[] {
  const sightings = [...(reports.get(variant)?.fingerprints ?? [])];
  const all = sightings.reduce((sum, [, { events }]) => sum + events, 0);
  const lateFromMs = Math.min(...sightings.map(([, { firstAtMs }]) => firstAtMs)) + LATE_AFTER_MS;
  const shareOf = (firstAtMs: number): number => (firstAtMs >= lateFromMs ? LATE_SHARE : STRAY_SHARE);
  return sightings
    .filter(([, { events, firstAtMs }]) => events > STRAY_EVENTS && events >= shareOf(firstAtMs) * all)
    .sort(([a, x], [b, y]) => x.firstAtMs - y.firstAtMs || (a < b ? -1 : 1))
    .map(([fingerprint]) => fingerprint);
}

function hasReports(reports: Reports, { control, candidates }: EvidenceDesign): boolean {
  return [control, ...candidates].every((variant) => {
    const of = reports.get(variant);
    return of !== undefined && (of.fingerprints.size > 0 || usual(reports, variant, 'timings.totalMs') !== null);
  });
}

/** Metrics that decide and rest on what is doubtful: those that read the field; of another configuration, all. */
function metricsOn({ kind, field }: Finding, { metrics }: EvidenceDesign): string[] {
  return metrics
    .filter(({ role }) => role === 'guardrail' || role === 'objective')
    .filter((metric) => {
      if (kind === 'unit-of-measure' || kind === 'scorer-blind') return restsOn(metric, field);
      return kind === 'scorer-changed' ? readBy(metric).some(({ topic }) => topic === 'image.scored.v1') : true;
    })
    .map(({ definition }) => definition.name);
}

/** What reads events for a metric: itself, or the parts of a quotient. */
function readBy({ definition, parts }: MetricDesign): readonly MetricDefinition[] {
  return parts?.map((part) => part.definition) ?? [definition];
}

/** Whether a metric, or a part of a quotient, reads a field that a finding is about. */
function restsOn(metric: MetricDesign, field: Finding['field']): boolean {
  return readBy(metric).some((definition) => fieldsOf(definition).includes(field ?? ''));
}

/** What the built-in metrics read of what services report and of scores; own ones say it themselves. */
const READ_FIELDS: Readonly<Record<string, readonly string[]>> = {
  'inference-latency-p50': ['timings.inferenceMs'],
  'inference-latency-p95': ['timings.inferenceMs'],
  'inference-latency-p99': ['timings.inferenceMs'],
  'gpu-seconds': ['gpu.seconds'],
  'gpu-seconds-per-image': ['gpu.seconds'],
  'gpu-memory': ['gpu.memoryMiB'],
  'cost-per-image': ['cost'],
  'flagged-rate': ['images.flagged'],
  alignment: [ALIGNMENT],
  'wrong-pictures': [ALIGNMENT],
  'alignment-shift': [ALIGNMENT],
  'predicted-preference': [ALIGNMENT],
};

/** Fields that findings are about, by the events that carry them. */
const FIELDS: Readonly<Partial<Record<MetricDefinition['topic'], readonly string[]>>> = {
  'generation.completed.v1': REPORTED_FIELDS,
  'image.scored.v1': [ALIGNMENT],
};

function fieldsOf({ name, topic, reads }: MetricDefinition): readonly string[] {
  const fields = FIELDS[topic] ?? [];
  const read = READ_FIELDS[name] ?? reads ?? [];
  return fields.filter((field) => read.includes(field));
}

/**
 * Why nothing may be said of a metric of this candidate, whatever its tests make of the numbers, harm included: what is a thousand times as slow in
 * seconds may be no slower, and what fits a prompt worse to a scorer that can't see may fit better. Null: something may.
 */
export function doubtOf(
  metric: MetricDesign,
  candidate: string,
  control: string,
  findings: readonly Finding[],
): 'other-unit-of-measure' | 'scorer-blind' | null {
  if (isInAnotherUnit(metric, candidate, control, findings)) return 'other-unit-of-measure';
  const isBlind = findings.some(({ kind }) => kind === 'scorer-blind') && restsOnAlignment(metric);
  return isBlind ? 'scorer-blind' : null;
}

/** Whether a metric, or a part of a quotient, is of how well pictures fit their prompts. */
export function restsOnAlignment(metric: MetricDesign): boolean {
  return restsOn(metric, ALIGNMENT);
}

/** Whether nothing may be said of a metric of this candidate, since it or control reports it in another unit of measure. */
function isInAnotherUnit(
  metric: MetricDesign,
  candidate: string,
  control: string,
  findings: readonly Pick<ConsistencyFinding, 'kind' | 'variant' | 'field'>[],
): boolean {
  return findings.some(
    ({ kind, variant, field }) =>
      kind === 'unit-of-measure' && (variant === candidate || variant === control) && restsOn(metric, field),
  );
}
