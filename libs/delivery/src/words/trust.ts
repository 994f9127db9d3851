import type { AnalysisHealth } from '#libs/contracts';
import type { HoldCause } from '../events.js';
import { number, percentOf } from './numbers.js';

/** Why the ramp is held, with the numbers. */
export function holdMessage(causes: readonly HoldCause[], health: AnalysisHealth, named: NamedMetrics): string {
  return `Cannot judge the candidate: ${causes.map((cause) => causeWithNumbers(cause, health, named)).join('; ')}. The shares stay as they are; proven harm still rolls back.`;
}

/** Metrics that causes are about, in words. */
export interface NamedMetrics {
  readonly unmeasurable: readonly string[];
  /** Limits that candidates break. */
  readonly beyond: readonly string[];
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

/** "a split that was not ordered and a silent scorer": what a hold was or is for. */
export function causesInWords(causes: readonly HoldCause[]): string {
  return causes.map(causeInWords).join(' and ');
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
    case 'analysis-silent':
      return 'missing analyses';
    case 'limit-exceeded':
      return 'a limit that the candidate exceeds';
    default:
      return cause satisfies never;
  }
}

function causeWithNumbers(
  cause: HoldCause,
  { srm, coverage, staleness }: AnalysisHealth,
  { unmeasurable, beyond }: NamedMetrics,
): string {
  switch (cause) {
    case 'sample-ratio-mismatch':
      return `the split is not the ordered one (${each(srm.observed, number)} units; ordered were ${each(srm.expected, number)}; ln E ${number(srm.lnE)})`;
    case 'coverage-gap':
      return `one variant misses more scores than the other (scored: ${each(coverage.byVariant, percentOf)}; ln E ${number(coverage.lnE)})`;
    case 'scores-silent':
      return `the scorer is silent (last score ${staleness.lastScoredAt ?? 'never'}, last request ${staleness.lastRoutedAt ?? 'never'}${owed(staleness.owedScores, 'scores')})`;
    case 'telemetry-silent':
      return `the inference services report nothing (last generation ${staleness.lastGeneratedAt ?? 'never'}, last request ${staleness.lastRoutedAt ?? 'never'}${owed(staleness.owedGenerations, 'generations')})`;
    case 'distribution-shift':
      return causeInWords(cause);
    case 'unmeasurable-guardrail':
      return `no measurement of ${unmeasurable.join(', ')}`;
    case 'analysis-silent':
      return 'no analysis arrives';
    case 'limit-exceeded':
      return `${beyond.join('; ')}, and control is not proven within either`;
    default:
      return cause satisfies never;
  }
}

function owed(events: number | undefined, what: string): string {
  return events === undefined ? '' : `; about ${number(events)} ${what} are missing`;
}

function each(values: Readonly<Record<string, number | null>>, words: (value: number) => string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value === null ? 'unknown' : words(value)}`)
    .join(', ');
}
