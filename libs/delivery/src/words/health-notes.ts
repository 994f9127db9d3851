import type { AnalysisHealth, MendKind } from '#libs/contracts';
import { number } from './numbers.js';
import { findingsInWords, silenceInWords } from './trust.js';

/** What the marks of the numbers' health mean, in sentences. */
export interface HealthNotes {
  /** What arrives and what does not. */
  readonly signals: string;
  /** What cannot be right in the services' reports, each with the way out. */
  readonly reports: readonly string[];
  /** What was read for what it means, by kind, with how often. */
  readonly mended: readonly string[];
}

export function healthNotes({ staleness, consistency, mended = {} }: AnalysisHealth): HealthNotes {
  return {
    signals: signalsInWords(staleness),
    reports: findingsInWords(consistency?.findings ?? []),
    mended: Object.entries(mended).map(([kind, values]) => `${number(values)} ${mendWords[kind as MendKind] ?? kind}`),
  };
}

function signalsInWords(staleness: AnalysisHealth['staleness']): string {
  switch (staleness.status) {
    case 'scores-silent':
    case 'telemetry-silent':
      return silenceInWords(staleness, staleness.status);
    case 'no-traffic':
      return `no requests (last request ${staleness.lastRoutedAt ?? 'never'})`;
    case 'ok':
      return [
        'requests arrive',
        staleness.lastGeneratedAt === null ? 'no generation has been reported yet' : 'telemetry arrives',
        staleness.lastScoredAt === null ? 'no score has come yet' : 'scores arrive',
      ].join(', ');
    default:
      return staleness.status satisfies never;
  }
}

/** After their number: "12 numbers as text". */
const mendWords: Readonly<Record<MendKind, string>> = {
  'assignment-left-out': 'assignments that are not ours, left out',
  'digest-spelling': 'digests in another spelling',
  'format-spelling': 'picture formats in another spelling',
  'left-out': 'values that can be nothing of what their field holds, left out',
  'long-integer': 'whole numbers beyond 2^53, digits kept',
  'name-spelling': 'names in another spelling',
  'negative-duration': 'negative durations, read as 0',
  'no-id': 'events without an id',
  'no-source': 'events without a source',
  'no-subject': 'events without a subject',
  'no-time': 'events without a time',
  'no-version': 'events without a version of CloudEvents',
  'not-a-number': 'values that are no number (NaN, infinity), left out',
  'number-as-text': 'numbers written as text',
  percent: 'percentages where shares were meant',
  'random-seed': 'seeds of −1, taken for unknown',
  'traceparent-left-out': 'trace contexts of another form, left out',
};
