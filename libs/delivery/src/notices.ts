import type { ConsistencyFinding, ExperimentAnalysed, ExperimentSpec } from '#libs/contracts';
import { brokenControl, insteadInWords } from './rules/broken-control.js';
import { standstillAt } from './rules/standstill.js';
import { neededSources } from './rules/needed-sources.js';
import { outlookOf, type RunClock } from './outlook.js';
import { shadowOutlookOf } from './shadow-outlook.js';
import { bakingInWords, isBaking } from './words/bake.js';
import { dryRunHarm, dryRunsIn, dryRunUnmeasurable } from './words/dry-run.js';
import { shadowInWords, shadowTooLateMessage } from './words/shadow.js';
import { fewNewUnitsMessage, outlookInWords, tooLateMessage } from './words/outlook.js';
import { outlyingValues } from './words/long-tail.js';
import { unitWarnings } from './words/unit-warnings.js';
import { foreignConfiguration, reportsWarning, shiftWarning, unneededSilence } from './words/trust.js';

/** What people should know of an analysis, whether it decides something or not. */
export interface Notice {
  readonly kind:
    | 'broken-control'
    | 'foreign-configuration'
    | 'watched-shift'
    | 'inconsistent-reports'
    | 'outlying-value'
    | 'unneeded-silence'
    | 'few-new-units'
    | 'too-late'
    | 'units'
    | 'outlook'
    | 'shadow'
    | 'frozen'
    | 'baking'
    | 'dry-run-harm'
    | 'dry-run';
  readonly message: string;
  /** Which of several things of the kind it is about; absent: there is one. */
  readonly about?: string;
}

/** Where an experiment is, and for how long it has been. */
interface Run extends RunClock {
  /** Absent: it is not. */
  readonly isInShadow?: boolean;
  /** Of the ramp; absent: it is not known. */
  readonly stage?: number;
}

/** The notices of an analysis, what is wrong first. */
export function noticesOf(spec: ExperimentSpec, analysis: ExperimentAnalysed, run: Run): readonly Notice[] {
  const { shift, staleness, consistency } = analysis.health;
  const findings = consistency?.findings ?? [];
  // What a guardrail or an objective rests on holds (see `rules/hold-causes.ts`).
  const idle = findings.filter((finding) => finding.metrics.length === 0 && !isOfAnotherConfiguration(finding));
  const foreign = findings.filter(isOfAnotherConfiguration);
  const needs = neededSources(spec);
  const isUnneeded =
    (staleness.status === 'scores-silent' && !needs.scores) ||
    (staleness.status === 'telemetry-silent' && !needs.telemetry);
  const broken = brokenControl(spec, analysis);
  return [
    ...(broken === null ? [] : [{ kind: 'broken-control', message: brokenControlNotice(spec, broken) } as const]),
    ...(foreign.length > 0 ? [{ kind: 'foreign-configuration', message: foreignConfiguration(foreign) } as const] : []),
    // A different distribution is no harm by itself, but a person should look.
    ...(shift?.status === 'found' ? [{ kind: 'watched-shift', message: shiftWarning(shift.metrics) } as const] : []),
    ...(idle.length > 0 ? [{ kind: 'inconsistent-reports', message: reportsWarning(idle) } as const] : []),
    ...outlyingValues(spec, analysis).map((message) => ({ kind: 'outlying-value', message }) as const),
    ...dryRunNotices(spec, analysis),
    ...frozenNotices(spec, analysis),
    ...(isBaking(spec, run.stage) ? [{ kind: 'baking', message: bakingInWords(spec) } as const] : []),
    ...(run.isInShadow ? shadowNotices(spec, analysis, run) : rampNotices(spec, analysis, run)),
    ...unitWarnings(analysis.health, spec.unit).map((message) => ({ kind: 'units', message }) as const),
    ...(isUnneeded ? [{ kind: 'unneeded-silence', message: unneededSilence(staleness) } as const] : []),
  ];
}

/** The fingerprints of its answers are not those that the experiment declares. */
function isOfAnotherConfiguration({ kind }: ConsistencyFinding): boolean {
  return kind === 'another-configuration' || kind === 'configuration-changed';
}

/** What guardrails on trial would do if they decided. */
function dryRunNotices(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly Notice[] {
  return dryRunsIn(spec, analysis).flatMap((metric): readonly Notice[] => {
    const about = `${metric.metric} of ${metric.candidate}`;
    if (metric.verdict === 'harmful')
      return [{ kind: 'dry-run-harm', about, message: dryRunHarm(metric, spec, analysis.alpha) }];
    return metric.verdict === 'unmeasurable' ? [{ kind: 'dry-run', about, message: dryRunUnmeasurable(metric) }] : [];
  });
}

/** Why nothing rises, whatever is proven. */
function frozenNotices(spec: ExperimentSpec, { analysedAt }: ExperimentAnalysed): readonly Notice[] {
  const why = standstillAt(spec, Date.parse(analysedAt));
  if (why === undefined) return [];
  const message = `${why}: no share rises by itself and nobody wins. Harm still rolls back.`;
  return [{ kind: 'frozen', message }];
}

/** When the ramp is done. */
function rampNotices(spec: ExperimentSpec, analysis: ExperimentAnalysed, clock: RunClock): readonly Notice[] {
  const outlook = outlookOf(spec, analysis, clock);
  if (outlook === null) return [];
  const few: Notice[] = outlook.hasFewNewUnits
    ? [{ kind: 'few-new-units', message: fewNewUnitsMessage(outlook, spec, clock.leftMs) }]
    : [];
  const late: Notice[] = outlook.isTooLate
    ? [{ kind: 'too-late', message: tooLateMessage(outlook, spec, clock.leftMs) }]
    : [];
  const warnings = [...few, ...late];
  return warnings.length > 0 ? warnings : [{ kind: 'outlook', message: outlookInWords(outlook, spec) }];
}

/** How far the shadow is, and whether it will be done in time. */
function shadowNotices(spec: ExperimentSpec, analysis: ExperimentAnalysed, clock: RunClock): readonly Notice[] {
  const outlook = shadowOutlookOf(spec, analysis, clock);
  const late: Notice[] = outlook.isTooLate
    ? [{ kind: 'too-late', message: shadowTooLateMessage(outlook, clock.leftMs) }]
    : [];
  return [...late, { kind: 'shadow', message: shadowInWords(outlook) }];
}

function brokenControlNotice(spec: ExperimentSpec, broken: string): string {
  return `${spec.control} itself is broken: ${broken}. Look at it now. Proven harm still rolls back, and ${spec.kind === 'ab' ? 'a variant that wins ends the test' : 'a candidate that is proven is promoted'}. ${insteadInWords(spec)}`;
}
