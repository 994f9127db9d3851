import { type Guardrail, type Margin, marginSize } from '#libs/contracts';
import type { MetricDefinition } from '#libs/evidence';
import type { PlannedMetric } from '#libs/planning';
import { USUAL_REACH } from '#libs/statistics';
import { type AssumedControl, howToAssume } from './baseline.js';

/** A change of control's value with the sign it is written with: `-3%` of a higher-is-better metric is harm. */
export interface Change {
  readonly kind: Margin['kind'];
  readonly value: number;
}

/** One test: what is known of the metric, and the boundary. */
export interface PlannedTest {
  readonly metric: PlannedMetric;
  readonly margin: number;
}

/** A guardrail in the words of planning, where effects count harm. */
export interface KnownGuardrail {
  readonly missing: null;
  readonly name: string;
  /** The test that finds harm; at 0 where any harm rolls back. */
  readonly harm: PlannedTest;
  /** The test that excludes harm of the margin. */
  readonly proof: PlannedTest;
  /**
   * Events are good ones, and harm makes them rarer: the variants have to be exchanged, since planning knows bad events only. A
   * margin m then allows them to be rarer by a factor of 1 + m.
   */
  readonly isMirrored: { readonly harm: boolean; readonly proof: boolean };
  /** Harm in the scale of `harm` and of `proof`; null where the change can't be told in it. */
  readonly effectOf: (change: Change) => { readonly harm: number; readonly proof: number } | null;
  /** The change of control's value, of the margin's kind and signed, that an effect in the scale of `harm` is. */
  readonly changeOf: (effect: number) => Change;
  /** How reality differs from what is planned. */
  readonly notes: readonly string[];
}

export type GuardrailLaw = KnownGuardrail | { readonly missing: string; readonly name: string };

/**
 * Maps a guardrail to the laws planning knows: rates with absolute margins and means are bet on, rates with relative ones, deeds and lower
 * tails are counted by the tilt, upper tails above control's quantile. `missing` says what would have to be passed, or why nothing helps.
 */
export function guardrailLaw(
  { metric: name, margin, rollbackOn }: Guardrail,
  definition: MetricDefinition,
  baseline: AssumedControl | undefined,
): GuardrailLaw {
  const given: Given = {
    name,
    margin,
    isAnyHarm: rollbackOn === 'any-harm',
    sign: definition.direction === 'lower' ? 1 : -1,
    needs: howToAssume(name, definition.kind) ?? '',
  };
  switch (definition.kind) {
    case 'mean':
    case 'ratio':
      return meanLaw(given, definition, baseline);
    case 'rate':
      if (baseline?.kind !== 'rate') return lacks(given, `pass ${given.needs}`);
      return margin.kind === 'relative' ? eventsLaw(given, baseline.rate, margin.value) : rateLaw(given, baseline.rate);
    case 'incidence':
      if (baseline?.kind !== 'rate') return lacks(given, `pass ${given.needs}`);
      return eventsLaw(given, baseline.rate, margin.value);
    case 'lower-tail':
      return lowerTailLaw(given, definition.level);
    case 'upper-tail':
      return upperTailLaw(given, definition.level, baseline);
    case 'quotient':
      return lacks(given, 'not planned: it is proven by its parts, each within a part of its margin');
    case 'preference':
      return lacks(given, 'not planned: it counts votes of raters, not requests');
    case 'predicted-preference':
      return lacks(given, 'not planned: it is proven by the pairs of the shadow');
    case 'shift':
    case 'distribution':
    case 'diversity':
    case 'coverage':
      return lacks(given, 'not planned: it decides nothing');
    default:
      return definition satisfies never;
  }
}

/** A guardrail as its file says it. */
interface Given {
  readonly name: string;
  readonly margin: Margin;
  readonly isAnyHarm: boolean;
  /** 1 where more is worse. */
  readonly sign: 1 | -1;
  /** What to pass on the command line, for messages. */
  readonly needs: string;
}

function lacks({ name }: Given, missing: string): GuardrailLaw {
  return { missing, name };
}

function meanLaw(given: Given, definition: MetricDefinition, baseline: AssumedControl | undefined): GuardrailLaw {
  const { margin, sign, needs } = given;
  if (baseline?.kind !== 'mean') return lacks(given, `pass ${needs}`);
  if (baseline.isRelative && margin.kind === 'absolute') return lacks(given, `its margin is absolute: pass ${needs}`);
  const { mean, spread, isRelative } = baseline;
  const size = Math.abs(mean);
  const allowed = marginSize(margin, mean);
  if (allowed === 0) return lacks(given, 'its margin is relative, and the mean assumed is 0');
  return {
    ...oneLaw(given, { kind: 'mean', mean, spread }, allowed),
    effectOf: ({ kind, value }) =>
      kind === 'absolute' && isRelative ? null : both(sign * value * (kind === 'relative' ? size : 1)),
    changeOf: (effect) => ({
      kind: size === 0 ? 'absolute' : margin.kind,
      value: (sign * effect) / (margin.kind === 'relative' && size > 0 ? size : 1),
    }),
    notes: meanNotes(definition),
  };
}

/** A rate with an absolute margin: bet on, but for any harm at all, which is counted. */
function rateLaw({ name, margin, isAnyHarm, sign }: Given, rate: number): KnownGuardrail {
  const isBad = sign > 0;
  const metric: PlannedMetric = { kind: 'rate', rate: isBad ? rate : 1 - rate };
  const counted: PlannedTest = { metric: { kind: 'relative-rate', rate }, margin: 0 };
  return {
    missing: null,
    name,
    harm: isAnyHarm ? counted : { metric, margin: margin.value },
    proof: { metric, margin: margin.value },
    isMirrored: { harm: isAnyHarm && !isBad, proof: false },
    effectOf: ({ kind, value }) => {
      const difference = sign * value * (kind === 'relative' ? rate : 1);
      if (!isAnyHarm) return both(difference);
      return { harm: rate === 0 ? 0 : eventsOfChange(sign, (sign * difference) / rate), proof: difference };
    },
    changeOf: (effect) => ({
      kind: 'absolute',
      value: isAnyHarm ? eventsOfChange(sign, effect) * rate : sign * effect,
    }),
    notes: [],
  };
}

/** What the tilt counts: events of a rate, at a margin that is a factor. */
function eventsLaw(given: Given, rate: number, allowed: number): KnownGuardrail {
  const { sign } = given;
  return {
    ...oneLaw(given, { kind: 'relative-rate', rate }, allowed, sign < 0),
    effectOf: ({ kind, value }) => {
      if (kind === 'relative') return both(eventsOfChange(sign, value));
      return rate === 0 ? null : both(eventsOfChange(sign, value / rate));
    },
    changeOf: (effect) => ({ kind: 'relative', value: eventsOfChange(sign, effect) }),
    notes: [],
  };
}

function lowerTailLaw(given: Given, level: number): GuardrailLaw {
  const { margin } = given;
  const allowed = margin.kind === 'relative' ? margin.value : margin.value / level;
  return {
    ...eventsLaw(given, level, allowed),
    ...oneLaw(given, { kind: 'lower-tail', tailShare: level }, allowed),
    notes: ['pictures or values far below control’s are found sooner than this says'],
  };
}

function upperTailLaw(given: Given, level: number, baseline: AssumedControl | undefined): GuardrailLaw {
  const { name, margin, sign, needs } = given;
  if (sign < 0) return lacks(given, 'an upper tail in which more is better is not planned');
  if (baseline?.kind !== 'tail') return lacks(given, `pass ${needs}`);
  const { lnSpread, quantile } = baseline;
  if (margin.kind === 'absolute' && quantile === null) {
    return lacks(given, `its margin is absolute: pass --assume ${name}=<quantile>±<standard deviation of ln>`);
  }
  const size = quantile ?? 1;
  const allowed = quantile === null ? margin.value : marginSize(margin, size) / size;
  return {
    ...oneLaw(given, { kind: 'upper-tail', lnSpread, tailShare: 1 - level }, allowed),
    effectOf: ({ kind, value }) =>
      kind === 'absolute' && quantile === null ? null : both(kind === 'relative' ? value : value / size),
    changeOf: (effect) => ({
      kind: margin.kind,
      value: margin.kind === 'relative' ? effect : effect * size,
    }),
    notes: margin.kind === 'absolute' ? ['its absolute margin is taken as a share of the quantile assumed'] : [],
  };
}

/** Harm and its exclusion by one law of the metric, whatever harm is. */
function oneLaw(
  { name, isAnyHarm }: Given,
  law: PlannedMetric,
  allowed: number,
  isMirrored = false,
): Pick<KnownGuardrail, 'missing' | 'name' | 'harm' | 'proof' | 'isMirrored'> {
  return {
    missing: null,
    name,
    harm: { metric: law, margin: isAnyHarm ? 0 : allowed },
    proof: { metric: law, margin: allowed },
    isMirrored: { harm: isMirrored, proof: isMirrored },
  };
}

/**
 * Relative change of a rate → by which factor − 1 bad events become more frequent, or good ones rarer. It is its own inverse: the same
 * turns such an effect back into a change.
 */
function eventsOfChange(sign: 1 | -1, change: number): number {
  return sign > 0 ? change : 1 / (1 + change) - 1;
}

function both(effect: number): { readonly harm: number; readonly proof: number } {
  return { harm: effect, proof: effect };
}

function meanNotes({ kind, cap }: MetricDefinition): readonly string[] {
  return [
    ...(kind === 'ratio' ? ['taken as a mean of the value per unit'] : []),
    ...(cap.kind === 'fixed' ? [`bounded by ${USUAL_REACH} sd here, by ${cap.lo} and ${cap.hi} in use`] : []),
  ];
}
