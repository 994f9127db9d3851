import { type Guardrail, marginSize, type MetricAnalysis } from '#libs/contracts';
import { number, percentOf } from './numbers.js';

/** How a candidate compares with control, in words, on the scale that the guardrail's margin is written in. */
export interface ComparisonWords {
  /** "37 % above control (1 230 ms against 898 ms)"; null where there is no estimate. */
  readonly estimate: string | null;
  /** Whether the estimate is worse than the margin; false where there is none. */
  readonly isBeyond: boolean;
  /** The margin as an amount: "+20 %", "−1 percentage point", "1.5 times", "at least 45 %". */
  readonly allowed: string;
  /** What is worse than the margin: "more than 20 % above control". */
  readonly beyond: string;
}

/**
 * @param written what is allowed; the guardrail's own, or a larger one where only a share of the traffic is at stake.
 * @param control the name of the variant that is compared with.
 */
export function comparisonOf(metric: MetricAnalysis, written: Guardrail['margin'], control: string): ComparisonWords {
  const margin = marginThatCounts(metric, written);
  const scale = scaleOf(metric, margin);
  switch (scale) {
    case 'factor':
      return byFactor(metric, margin, control);
    case 'relative':
      return byAmount(metric, { ...relativeAmounts(metric), margin: margin.value, control }, percentOf);
    case 'points':
      return byAmount(metric, { ...differences(metric), margin: Math.min(1, margin.value), control }, points);
    case 'unit':
      return byAmount(metric, { ...differences(metric), margin: margin.value, control }, (size) =>
        amountInUnit(size, metric.unit),
      );
    case 'wins':
      return byWins(metric, margin, control);
    default:
      return scale satisfies never;
  }
}

/** The floor of a relative margin instead of the percentage, where control's value is so small that it is the floor that holds. */
function marginThatCounts({ estimate: { control } }: MetricAnalysis, margin: Guardrail['margin']): Guardrail['margin'] {
  const { floor } = margin;
  if (floor === undefined || control === null || marginSize(margin, control) > floor) return margin;
  return { kind: 'absolute', value: floor };
}

type Scale = 'factor' | 'relative' | 'points' | 'unit' | 'wins';

function scaleOf({ kind, scale, unit }: MetricAnalysis, margin: Guardrail['margin']): Scale {
  if (kind === 'preference' || kind === 'predicted-preference' || scale === 'probability') return 'wins';
  const isFrequency = scale === 'ln-rate-ratio' || scale === 'ratio' || kind === 'rate';
  if (isFrequency && (margin.kind === 'relative' || kind === 'incidence')) return 'factor';
  if (margin.kind === 'relative') return 'relative';
  return isFrequency || unit.startsWith('share') ? 'points' : 'unit';
}

interface OrderEffect {
  /** candidate − control (or candidate ÷ control); null where it is not known. */
  readonly effect: number | null;
  /** The same, from the estimates of both variants over the whole run. */
  readonly overall: number | null;
}

interface Amounts extends OrderEffect {
  /** In what the effect is in. */
  readonly margin: number;
  readonly control: string;
}

/** An amount that the candidate is above or below control. @param words of an amount ≥ 0. */
function byAmount(
  metric: MetricAnalysis,
  { effect, overall, margin, control }: Amounts,
  words: (size: number) => string,
): ComparisonWords {
  const { above, sign, worse } =
    metric.direction === 'lower' ? { above: 'above', sign: '+', worse: 1 } : { above: 'below', sign: '−', worse: -1 };
  return {
    estimate: effect === null ? null : `${offset(effect, words, control)}${values(metric, { effect, overall })}`,
    isBeyond: effect !== null && effect * worse > margin,
    allowed: `${sign}${words(margin)}`,
    beyond: margin === 0 ? `${above} ${control}` : `more than ${words(margin)} ${above} ${control}`,
  };
}

function offset(effect: number, words: (size: number) => string, control: string): string {
  if (effect === 0) return `as high as ${control}`;
  return `${words(Math.abs(effect))} ${effect > 0 ? 'above' : 'below'} ${control}`;
}

/** How many times as frequent as in control. A bad event may become more frequent by 1 + margin, a good one rarer by as much. */
function byFactor(metric: MetricAnalysis, margin: Guardrail['margin'], control: string): ComparisonWords {
  const { effect: factor, overall } = factors(metric);
  const isBad = metric.direction === 'lower';
  const allowed = isBad ? 1 + margin.value : 1 / (1 + margin.value);
  const isAny = margin.value === 0;
  const beyond = isBad ? 'more' : 'less';
  return {
    estimate:
      factor === null
        ? null
        : (besideNone(metric, control) ??
          `${number(factor)} times as frequent as in ${control}${values(metric, { effect: factor, overall })}`),
    isBeyond: factor !== null && (isBad ? factor > allowed : factor < allowed),
    allowed: `${isBad ? '' : 'at least '}${number(allowed)} times`,
    beyond: isAny
      ? `${beyond} frequent than in ${control}`
      : `${beyond} than ${number(allowed)} times as frequent as in ${control}`,
  };
}

/** Nothing is so many times as frequent as what never happens. */
function besideNone({ estimate, unit }: MetricAnalysis, control: string): string | null {
  if (estimate.control !== 0 || estimate.candidate === null || estimate.candidate === 0) return null;
  return `${amountInUnit(estimate.candidate, unit)}, and 0 % in ${control}`;
}

/** A relative margin of a preference is a share of the half that "no preference" is. */
function byWins(
  { estimate: { effect } }: MetricAnalysis,
  margin: Guardrail['margin'],
  control: string,
): ComparisonWords {
  const size = Math.min(0.5, margin.kind === 'relative' ? margin.value / 2 : margin.value);
  const least = percentOf(0.5 - size);
  return {
    estimate: effect === null ? null : `better than ${control} in ${percentOf(0.5 + effect)} of the comparisons`,
    isBeyond: effect !== null && effect < -size,
    allowed: `at least ${least}`,
    beyond: `better than ${control} in less than ${least} of the comparisons`,
  };
}

function factors({ scale, estimate: { control, candidate, effect } }: MetricAnalysis): OrderEffect {
  const overall = control === null || candidate === null || control === 0 ? null : candidate / control;
  if (scale === 'ratio') return { effect, overall };
  if (scale === 'ln-rate-ratio') return { effect: effect === null ? null : Math.exp(effect), overall };
  return { effect: overall, overall };
}

function relativeAmounts({ scale, estimate: { control, candidate, effect } }: MetricAnalysis): OrderEffect {
  const size = control === null || control === 0 ? null : Math.abs(control);
  const overall = control === null || candidate === null || size === null ? null : (candidate - control) / size;
  if (scale === 'relative' || effect === null) return { effect, overall };
  return { effect: size === null ? null : effect / size, overall };
}

function differences({ scale, estimate: { control, candidate, effect } }: MetricAnalysis): OrderEffect {
  const overall = control === null || candidate === null ? null : candidate - control;
  return { effect: scale === 'difference' ? effect : overall, overall };
}

/**
 * " (1 230 ms against 898 ms)": the candidate's estimate, then control's. The effect compares only what was seen under the same
 * allocation, the estimates are over the whole run: where the two tell different stories, the effect is the right one and stands alone.
 */
function values({ estimate: { control, candidate }, unit }: MetricAnalysis, { effect, overall }: OrderEffect): string {
  if (control === null || candidate === null || effect === null || overall === null) return '';
  if (Math.abs(overall - effect) > SAME_STORY * Math.abs(effect)) return '';
  return ` (${amountInUnit(candidate, unit)} against ${amountInUnit(control, unit)})`;
}

/** Largest difference between the effect and that of the overall estimates, as a share of the effect. */
const SAME_STORY = 0.1;

/** Units that are words for what a bare number is; the metric's name says it already. */
const BARE_UNITS: readonly string[] = ['', 'cosine', 'score', 'cost'];

/** "5 %" of a share, "1 230 ms". */
export function amountInUnit(value: number, unit: string): string {
  if (unit.startsWith('share')) return percentOf(value);
  return BARE_UNITS.includes(unit) ? number(value) : `${number(value)} ${unit}`;
}

/** "1 percentage point" of 0.01. */
export function points(share: number): string {
  const size = number(share * 100);
  return `${size} percentage point${size === '1' ? '' : 's'}`;
}
