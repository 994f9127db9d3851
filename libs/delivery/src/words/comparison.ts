import type { Guardrail, MetricAnalysis } from '#libs/contracts';
import { number, percentOf } from './numbers.js';

/** How a candidate compares with control, in words, on the scale that the guardrail's margin is written in. */
export interface Comparison {
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
 * @param margin what is allowed; the guardrail's own, or a larger one where only a share of the traffic is at stake.
 * @param control the name of the variant that is compared with.
 */
export function comparisonOf(metric: MetricAnalysis, margin: Guardrail['margin'], control: string): Comparison {
  const scale = scaleOf(metric, margin);
  switch (scale) {
    case 'factor':
      return byFactor(metric, margin, control);
    case 'relative':
      return byAmount(metric, { effect: relativeEffect(metric), margin: margin.value, control }, percentOf);
    case 'points':
      return byAmount(metric, { effect: difference(metric), margin: Math.min(1, margin.value), control }, points);
    case 'unit':
      return byAmount(metric, { effect: difference(metric), margin: margin.value, control }, (size) =>
        inUnit(size, metric.unit),
      );
    case 'wins':
      return byWins(metric, margin, control);
    default:
      return scale satisfies never;
  }
}

type Scale = 'factor' | 'relative' | 'points' | 'unit' | 'wins';

function scaleOf({ kind, scale, unit }: MetricAnalysis, margin: Guardrail['margin']): Scale {
  if (kind === 'preference' || scale === 'probability') return 'wins';
  const isFrequency = scale === 'ln-rate-ratio' || scale === 'ratio' || kind === 'rate';
  if (isFrequency && (margin.kind === 'relative' || kind === 'incidence')) return 'factor';
  if (margin.kind === 'relative') return 'relative';
  return isFrequency || unit.startsWith('share') ? 'points' : 'unit';
}

interface Amounts {
  /** candidate − control, in what `margin` is in; null where it is not known. */
  readonly effect: number | null;
  readonly margin: number;
  readonly control: string;
}

/** An amount that the candidate is above or below control. @param words of an amount ≥ 0. */
function byAmount(
  metric: MetricAnalysis,
  { effect, margin, control }: Amounts,
  words: (size: number) => string,
): Comparison {
  const { above, sign, worse } =
    metric.direction === 'lower' ? { above: 'above', sign: '+', worse: 1 } : { above: 'below', sign: '−', worse: -1 };
  return {
    estimate: effect === null ? null : `${offset(effect, words, control)}${values(metric)}`,
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
function byFactor(metric: MetricAnalysis, margin: Guardrail['margin'], control: string): Comparison {
  const factor = factorOf(metric);
  const isBad = metric.direction === 'lower';
  const allowed = isBad ? 1 + margin.value : 1 / (1 + margin.value);
  const isAny = margin.value === 0;
  const beyond = isBad ? 'more' : 'less';
  return {
    estimate: factor === null ? null : `${number(factor)} times as frequent as in ${control}${values(metric)}`,
    isBeyond: factor !== null && (isBad ? factor > allowed : factor < allowed),
    allowed: `${isBad ? '' : 'at least '}${number(allowed)} times`,
    beyond: isAny
      ? `${beyond} frequent than in ${control}`
      : `${beyond} than ${number(allowed)} times as frequent as in ${control}`,
  };
}

/** A relative margin of a preference is a share of the half that "no preference" is. */
function byWins({ estimate: { effect } }: MetricAnalysis, margin: Guardrail['margin'], control: string): Comparison {
  const size = Math.min(0.5, margin.kind === 'relative' ? margin.value / 2 : margin.value);
  const least = percentOf(0.5 - size);
  return {
    estimate: effect === null ? null : `better than ${control} in ${percentOf(0.5 + effect)} of the comparisons`,
    isBeyond: effect !== null && effect < -size,
    allowed: `at least ${least}`,
    beyond: `better than ${control} in less than ${least} of the comparisons`,
  };
}

function factorOf({ scale, estimate: { control, candidate, effect } }: MetricAnalysis): number | null {
  if (scale === 'ratio') return effect;
  if (scale === 'ln-rate-ratio') return effect === null ? null : Math.exp(effect);
  return control === null || candidate === null || control === 0 ? null : candidate / control;
}

function relativeEffect({ scale, estimate: { control, effect } }: MetricAnalysis): number | null {
  if (scale === 'relative' || effect === null) return effect;
  return control === null || control === 0 ? null : effect / Math.abs(control);
}

function difference({ scale, estimate: { control, candidate, effect } }: MetricAnalysis): number | null {
  if (scale === 'difference') return effect;
  return control === null || candidate === null ? null : candidate - control;
}

/** " (1 230 ms against 898 ms)": the candidate's estimate, then control's. */
function values({ estimate: { control, candidate }, unit }: MetricAnalysis): string {
  if (control === null || candidate === null) return '';
  return ` (${inUnit(candidate, unit)} against ${inUnit(control, unit)})`;
}

/** Units that are words for what a bare number is; the metric's name says it already. */
const BARE_UNITS: readonly string[] = ['', 'cosine', 'score', 'cost'];

function inUnit(value: number, unit: string): string {
  if (unit.startsWith('share')) return percentOf(value);
  return BARE_UNITS.includes(unit) ? number(value) : `${number(value)} ${unit}`;
}

function points(share: number): string {
  const size = number(share * 100);
  return `${size} percentage point${size === '1' ? '' : 's'}`;
}
