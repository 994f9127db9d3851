import type { AnalysisHealth, ConsistencyFinding } from '#libs/contracts';
import type { HoldCause } from '../events.js';
import { number, percentOf } from './numbers.js';

/** Why the ramp is held, with the numbers. */
export function holdMessage(causes: readonly HoldCause[], health: AnalysisHealth, named: HeldInWords): string {
  return `Cannot judge ${named.judged}: ${causes.map((cause) => causeWithNumbers(cause, health, named)).join('; ')}. ${named.meanwhile ?? 'The shares stay as they are'}; proven harm still rolls back.`;
}

/** What a hold is about, in words. */
export interface HeldInWords {
  /** Who can't be judged: "the candidate", "b and c". */
  readonly judged: string;
  readonly unmeasurable: readonly string[];
  /** Limits that candidates break. */
  readonly beyond: readonly string[];
  /** Of a shadow: how many copies were to be expected. */
  readonly copies?: number;
  /** What holds meanwhile; absent: the shares. */
  readonly meanwhile?: string;
}

/** What a watched shift is worth: a look, and nothing else. */
export function shiftWarning(metrics: readonly string[]): string {
  return `Watched: the values of ${metrics.join(', ')} are distributed differently in the variants. It decides nothing; look at the pictures.`;
}

/** A source that is silent and that nothing which decides needs. */
export function unneededSilence({ status, lastRoutedAt }: AnalysisHealth['staleness']): string {
  const subject = status === 'scores-silent' ? 'The scorer is' : 'The inference services are';
  return `${subject} silent (last request ${lastRoutedAt ?? 'never'}). No guardrail and no objective needs it, so it holds nothing.`;
}

/** What cannot be right in the services' reports although nothing rests on it. */
export function reportsWarning(findings: readonly ConsistencyFinding[]): string {
  return `No guardrail rests on it, but it cannot be right: ${findingsInWords(findings).join('; ')}.`;
}

/** Something else answers than what the experiment declares, and what follows. */
export function foreignConfiguration(findings: readonly ConsistencyFinding[]): string {
  return `Not what the experiment declares: ${findingsInWords(findings).join('; ')}. Nothing rises meanwhile; proven harm still rolls back.`;
}

/** "a split that was not ordered and a silent scorer": what a hold was or is for. */
export function causesInWords(causes: readonly HoldCause[]): string {
  return causes.map(causeInWords).join(' and ');
}

/** "; it could not read 795 pictures: host x is not allowed". */
function unscoredInWords(unscored: AnalysisHealth['staleness']['unscored']): string {
  if (!unscored) return '';
  const why = unscored.reason === null ? '' : `, the latest because ${unscored.reason}`;
  return `; ${number(unscored.pictures)} pictures could not be read by it${why}`;
}

function causeInWords(cause: HoldCause): string {
  switch (cause) {
    case 'sample-ratio-mismatch':
      return 'a split that was not ordered';
    case 'coverage-gap':
      return 'missing scores';
    case 'scores-silent':
      return 'a silent scorer';
    case 'telemetry-silent':
      return 'silent telemetry';
    case 'distribution-shift':
      return 'a shifted distribution';
    case 'unmeasurable-guardrail':
      return 'a guardrail that cannot be measured';
    case 'inconsistent-reports':
      return 'reports that cannot be right';
    case 'analysis-silent':
      return 'missing analyses';
    case 'limit-exceeded':
      return 'a limit that is exceeded';
    case 'pairs-silent':
      return 'missing pairs';
    default:
      return cause satisfies never;
  }
}

function causeWithNumbers(
  cause: HoldCause,
  health: AnalysisHealth,
  { unmeasurable, beyond, copies = 0 }: HeldInWords,
): string {
  const { srm, coverage, staleness, consistency } = health;
  switch (cause) {
    case 'sample-ratio-mismatch':
      return `the split is not the ordered one (${each(srm.observed, number)} units; ordered were ${each(srm.expected, number)}; ln E ${number(srm.lnE)})`;
    case 'coverage-gap':
      return `one variant misses more scores than the other (scored: ${each(coverage.byVariant, percentOf)}; ln E ${number(coverage.lnE)})`;
    case 'scores-silent':
    case 'telemetry-silent':
      return silenceInWords(staleness, cause);
    case 'distribution-shift':
      return causeInWords(cause);
    case 'unmeasurable-guardrail':
      return `no measurement of ${unmeasurable.join(', ')}`;
    case 'inconsistent-reports':
      return findingsInWords((consistency?.findings ?? []).filter(({ metrics }) => metrics.length > 0)).join('; ');
    case 'analysis-silent':
      return 'no analysis arrives';
    case 'limit-exceeded':
      return `${beyond.join('; ')}, and control is not proven within either`;
    case 'pairs-silent':
      return `about ${number(copies)} requests were to be copied, and no pair has come of any. Look whether what gets the copies answers at all, whether its router and services are of a version that knows shadows, and whether these requests can be copied`;
    default:
      return cause satisfies never;
  }
}

/** Who is silent, since when, and how much is missing. */
export function silenceInWords(
  { lastScoredAt, lastGeneratedAt, lastRoutedAt, owedScores, owedGenerations, unscored }: AnalysisHealth['staleness'],
  status: 'scores-silent' | 'telemetry-silent',
): string {
  const request = `last request ${lastRoutedAt ?? 'never'}`;
  return status === 'scores-silent'
    ? `the scorer is silent (last score ${lastScoredAt ?? 'never'}, ${request}${owed(owedScores, 'scores')})${unscoredInWords(unscored)}`
    : `the inference services report nothing (last generation ${lastGeneratedAt ?? 'never'}, ${request}${owed(owedGenerations, 'generations')})`;
}

/** What cannot be right, and the way out; fields of one variant in the same wrong unit are one sentence. */
export function findingsInWords(findings: readonly ConsistencyFinding[]): readonly string[] {
  const told: ConsistencyFinding[] = [];
  for (const finding of findings) {
    const at = told.findIndex((other) => isSameUnit(other, finding));
    const same = told[at];
    if (same === undefined) {
      told.push(finding);
      continue;
    }
    const metrics = [...new Set([...same.metrics, ...finding.metrics])];
    told[at] = { ...same, field: `${same.field ?? ''} and ${finding.field ?? ''}`, metrics };
  }
  return told.map(findingInWords);
}

/** Alike to the digits that are said. */
function isSameUnit(a: ConsistencyFinding, b: ConsistencyFinding): boolean {
  if (a.kind !== 'unit-of-measure' || b.kind !== 'unit-of-measure' || a.variant !== b.variant) return false;
  return timesInWords(a.factor ?? 1) === timesInWords(b.factor ?? 1);
}

function findingInWords({ kind, variant, field, factor, expected, found, metrics }: ConsistencyFinding): string {
  switch (kind) {
    case 'unit-of-measure':
      if (field === 'images.flagged') {
        return `${variant} says of none of its pictures whether a safety checker passed it, and others do, so flagged-rate cannot be compared. Report \`flagged: false\` of pictures that were checked, in every variant; what was counted meanwhile is only forgotten by a new revision`;
      }
      if (factor === 0) {
        return `${variant} reports ${field ?? 'its figures'} as 0 throughout, and others do not, so ${metrics.length === 0 ? 'it' : metrics.join(' and ')} cannot be compared (not measured?). Report nothing where nothing is measured; what was counted meanwhile is only forgotten by a new revision`;
      }
      return `${variant} reports ${field ?? 'its figures'} ${timesInWords(factor ?? 1)} what the router’s times and the other variants make plausible, so ${metrics.length === 0 ? 'it' : metrics.join(' and ')} cannot be compared (${unitHint(factor ?? 1)}). Mend its telemetry; what was counted meanwhile is only forgotten by a new revision`;
    case 'another-configuration':
      return expected === null
        ? `${variant} answers with the configuration of control (fingerprint ${found ?? 'unknown'}). Deploy what the experiment declares, then start a new revision`
        : `${variant} answers with the configuration ${found ?? 'unknown'}, the experiment declares ${expected}. Deploy what it declares, or declare what runs, and start a new revision`;
    case 'configuration-changed':
      return `${variant} was changed in the middle of the experiment (fingerprint ${expected ?? 'unknown'}, then ${found ?? 'unknown'}), so the evidence is of two configurations. Start a new revision for the one that is meant`;
    case 'scorer-blind':
      return `the scorer cannot tell what these pictures show: their own prompts fit them better than those of other pictures in ${percentOf(factor ?? 0)} of the comparisons, chance is 50 %, so ${metrics.length === 0 ? 'alignment' : metrics.join(' and ')} says nothing. Score with a model that knows such pictures (SCORER_MODEL_DIR) in a new revision, or guard by something else`;
    case 'scorer-changed':
      return `the scorer was changed in the middle of the experiment (${shortly(expected)}, then ${shortly(found)}), and scores of two cannot be compared. Bring the former back, or start a new revision`;
    default:
      return kind satisfies never;
  }
}

function timesInWords(factor: number): string {
  return factor >= 1 ? `at about ${number(Math.round(factor))} times` : `at about 1/${Math.round(1 / factor)} of`;
}

function unitHint(factor: number): string {
  const times = Math.max(factor, 1 / factor);
  if (times > 300 && times < 3_000) return factor < 1 ? 'seconds for milliseconds?' : 'milliseconds for seconds?';
  return 'another unit of measure?';
}

/** Of a digest and a version, as much as tells them apart. */
function shortly(scorer: string | null): string {
  return scorer === null ? 'unknown' : scorer.replace(/^([0-9a-f]{8})[0-9a-f]{56}/, '$1…');
}

function owed(events: number | undefined, what: string): string {
  return events === undefined ? '' : `; about ${number(events)} ${what} are missing`;
}

function each(values: Readonly<Record<string, number | null>>, words: (value: number) => string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value === null ? 'unknown' : words(value)}`)
    .join(', ');
}
