import type { MetricDefinition } from '#libs/evidence';
import { PlanInputError } from './plan-input-error.js';

/**
 * What is supposed of control before anything is measured.
 * - `mean`: mean and standard deviation of a unit's value; `isRelative`: in multiples of a mean that nobody knows, enough for relative margins.
 * - `rate`: share of the units whose value is 1.
 * - `tail`: standard deviation of the values' logarithms; `quantile`: control's quantile itself, which absolute margins need.
 */
export type AssumedControl =
  | { readonly kind: 'mean'; readonly mean: number; readonly spread: number; readonly isRelative: boolean }
  | { readonly kind: 'rate'; readonly rate: number }
  | { readonly kind: 'tail'; readonly lnSpread: number; readonly quantile: number | null };

const rate = (share: number): AssumedControl => ({ kind: 'rate', rate: share });
const tail = (lnSpread: number): AssumedControl => ({ kind: 'tail', lnSpread, quantile: null });
const inMeans = (spread: number): AssumedControl => ({ kind: 'mean', mean: 1, spread, isRelative: true });

/**
 * Orders of magnitude that are usual for image generation, to be replaced by one's own figures. What depends on the product (deeds,
 * ratings) or on a model of one's own (quality heads) has none. The alignment is a CLIP cosine of photographs.
 */
export const DEFAULT_BASELINES: Readonly<Record<string, AssumedControl>> = {
  'delivery-rate': rate(0.98),
  'abandon-rate': rate(0.03),
  'error-rate': rate(0.01),
  'timeout-rate': rate(0.002),
  'blank-rate': rate(0.002),
  'undecodable-rate': rate(0.001),
  'duplicate-rate': rate(0.01),
  'flagged-rate': rate(0.01),
  'latency-p50': tail(0.3),
  'latency-p95': tail(0.3),
  'latency-p99': tail(0.3),
  'inference-latency-p50': tail(0.3),
  'inference-latency-p95': tail(0.3),
  'inference-latency-p99': tail(0.3),
  'queue-time-p95': tail(1),
  alignment: { kind: 'mean', mean: 0.3, spread: 0.035, isRelative: false },
  'cost-per-image': inMeans(0.15),
  'gpu-seconds': inMeans(0.15),
  'gpu-seconds-per-image': inMeans(0.15),
  'gpu-memory': inMeans(0.05),
};

/** Reads `0.95±0.02` (means), `1%` or `0.01` (rates), `0.3` or `800±0.3` (upper tails: spread of ln, with the quantile before it). */
export function parseBaseline({ name, kind }: MetricDefinition, text: string): AssumedControl {
  const wrong = (): PlanInputError =>
    new PlanInputError(`--assume ${name}=${text}: expected ${howToAssume(name, kind) ?? 'nothing: it needs none'}`);
  const [first, second, ...others] = text.split(/±|\+\/?-/).map(parseNumber);
  if (first === undefined || others.length > 0) throw wrong();
  switch (kind) {
    case 'mean':
    case 'ratio':
      if (!Number.isFinite(first) || second === undefined || !(second >= 0)) throw wrong();
      return { kind: 'mean', mean: first, spread: second, isRelative: false };
    case 'rate':
    case 'incidence':
      if (second !== undefined || !(first >= 0 && first <= 1)) throw wrong();
      return { kind: 'rate', rate: first };
    case 'upper-tail': {
      const [quantile, lnSpread] = second === undefined ? [null, first] : [first, second];
      if (!(lnSpread > 0) || (quantile !== null && !(quantile > 0))) throw wrong();
      return { kind: 'tail', lnSpread, quantile };
    }
    case 'lower-tail':
    case 'quotient':
    case 'preference':
    case 'predicted-preference':
    case 'shift':
    case 'distribution':
    case 'diversity':
    case 'coverage':
      throw wrong();
    default:
      return kind satisfies never;
  }
}

/** What to pass for a metric; null where nothing has to be supposed, or nothing helps. */
export function howToAssume(name: string, kind: MetricDefinition['kind']): string | null {
  switch (kind) {
    case 'mean':
    case 'ratio':
      return `--assume ${name}=<mean>±<standard deviation>`;
    case 'rate':
    case 'incidence':
      return `--assume ${name}=<share>, such as 0.02 or 2%`;
    case 'upper-tail':
      return `--assume ${name}=<standard deviation of ln>, or <quantile>±<standard deviation of ln>`;
    case 'lower-tail':
    case 'quotient':
    case 'preference':
    case 'predicted-preference':
    case 'shift':
    case 'distribution':
    case 'diversity':
    case 'coverage':
      return null;
    default:
      return kind satisfies never;
  }
}

/** In words, for people who check whether it is theirs. */
export function describeBaseline(baseline: AssumedControl): string {
  switch (baseline.kind) {
    case 'mean':
      return baseline.isRelative
        ? `sd ${percentOf(baseline.spread)} of the mean`
        : `mean ${baseline.mean}, sd ${baseline.spread}`;
    case 'rate':
      return percentOf(baseline.rate);
    case 'tail':
      return `sd of ln ${baseline.lnSpread}${baseline.quantile === null ? '' : `, quantile ${baseline.quantile}`}`;
    default:
      return baseline satisfies never;
  }
}

function percentOf(share: number): string {
  return `${Number((100 * share).toPrecision(6))} %`;
}

/** NaN where it is none; `2%` is 0.02. */
function parseNumber(text: string): number {
  const match = /^(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*(%?)$/i.exec(text.trim());
  return match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : Number.NaN;
}
