import { MILLION, type AnalysisHealth, type MetricAnalysis, type ObjectiveAnalysis } from '#libs/contracts';
import type { HoldCause } from '../events.js';

/** "alignment of candidate is worse by more than 0.0095: −0.021 (−0.03 … −0.012), ln E 3.4 ≥ 3.0 after 171 candidate units". */
export function harmMessage(metric: MetricAnalysis, alpha: number, anyHarm: boolean): string {
  const bound = anyHarm || metric.margin === null ? '' : ` by more than ${number(metric.margin)}`;
  return `${metric.metric} of ${metric.candidate} is worse${bound}${effect(metric)}${proof(metric, metric.lnE?.harmful ?? null, alpha)}`;
}

/** Which guardrail was hardest to prove for a share, and how well it is proven. */
export function weakestMessage(metric: MetricAnalysis, lnE: number | null, alpha: number): string {
  return `weakest: ${metric.metric}${effect(metric)}${proof(metric, lnE, alpha)}`;
}

/** "utility 6.2 % above control (2.1 % … 10.4 %) by quality 6.2 %; less than 1 % would not matter". */
export function utilityMessage({ utility, gains }: ObjectiveAnalysis, control: string, rope: number): string {
  if (utility.estimate === null) return `utility unknown (${utility.reason})`;
  const { estimate, interval } = utility;
  const range = interval === null ? '' : ` (${share(interval.low)} … ${share(interval.high)})`;
  const parts = gains.map((gain) => `${gain.metric} ${gain.estimate === null ? 'unknown' : share(gain.estimate)}`);
  const side = estimate < 0 ? 'below' : 'above';
  return `utility ${share(Math.abs(estimate))} ${side} ${control}${range} by ${parts.join(', ')}; less than ${share(rope)} would not matter`;
}

function share(value: number): string {
  return percent(value * MILLION);
}

export function healthMessage(
  causes: readonly HoldCause[],
  health: AnalysisHealth,
  unmeasurable: readonly string[],
): string {
  return `It can't be told how the candidate does: ${causes.map((cause) => healthCause(cause, health, unmeasurable)).join('; ')}. The share stays; harm is still acted upon.`;
}

/** "5 %" of 50 000 ppm. */
export function percent(ppm: number): string {
  return `${number(ppm / 10_000)} %`;
}

/** "1.5 s", "20 min", "3 h": for people. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${number(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${number(ms / 60_000)} min`;
  return `${number(ms / 3_600_000)} h`;
}

/** The operator's own words, quoted; nothing without any. */
export function because(note: string): string {
  return note.trim() === '' ? '' : `: “${note.trim()}”`;
}

function healthCause(
  cause: HoldCause,
  { srm, coverage, staleness, shift }: AnalysisHealth,
  unmeasurable: readonly string[],
): string {
  switch (cause) {
    case 'sample-ratio-mismatch':
      return `the split is not the ordered one (${pairs(srm.observed)} instead of ${pairs(srm.expected)} units, ln E ${number(srm.lnE)})`;
    case 'coverage-gap':
      return `scores are missing unequally (${pairs(coverage.byVariant)} of the pictures scored, ln E ${number(coverage.lnE)})`;
    case 'scores-silent':
      return `no scores arrive (last ${staleness.lastScoredAt ?? 'never'}, requests until ${staleness.lastRoutedAt ?? 'never'})`;
    case 'telemetry-silent':
      return `no generations are reported (last ${staleness.lastGeneratedAt ?? 'never'}, requests until ${staleness.lastRoutedAt ?? 'never'})`;
    case 'distribution-shift':
      return `the variants follow different laws (${(shift?.metrics ?? []).join(', ')}): look at the pictures`;
    case 'unmeasurable-guardrail':
      return `can't be measured: ${unmeasurable.join(', ')}`;
    case 'analysis-silent':
      return 'no analysis arrives';
    default:
      return cause satisfies never;
  }
}

function effect({ estimate, interval, scale }: MetricAnalysis): string {
  if (estimate.effect === null) return '';
  const range = interval === null ? '' : ` (${number(interval.low)} … ${number(interval.high)})`;
  return `: ${number(estimate.effect)}${range}${scale === 'difference' ? '' : ` as ${scale}`}`;
}

function proof({ n, candidate }: MetricAnalysis, lnE: number | null, alpha: number): string {
  const bound = -Math.log(alpha);
  const relation = lnE === null ? '' : `, ln E ${number(lnE)} ${lnE >= bound ? '≥' : '<'} ${bound.toFixed(1)}`;
  return `${relation} after ${n.candidate.units} units of ${candidate}`;
}

function pairs(values: Readonly<Record<string, number | null>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value === null ? 'unknown' : number(value)}`)
    .join(', ');
}

/** Three significant digits, a real minus sign. */
function number(value: number): string {
  const rounded = Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
  return String(rounded).replace('-', '−');
}
