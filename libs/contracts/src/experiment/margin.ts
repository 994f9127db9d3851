import { z } from 'zod';
import type { KnownMetric } from './known-metric.js';
import type { Margin } from './spec.js';

const WRITTEN = /^([+-])(\d+(?:\.\d+)?)\s*(%|pp)?$/;

/** A margin as people write it. */
export const marginText = z
  .string('expected a signed margin such as "-1%", "+0.5pp" or "+0.02"')
  .regex(WRITTEN, 'expected a signed margin such as "-1%", "+0.5pp" or "+0.02"');

/**
 * "-1%" → relative 0.01, "+0.5pp" → absolute 0.005, "+0.02" → absolute 0.02. The sign only says which way is worse.
 * @throws RangeError where the text is no margin.
 */
export function parseMargin(text: string): Margin {
  const match = WRITTEN.exec(text);
  if (!match) throw new RangeError(`margin "${text}": expected for example "-1%", "+0.5pp" or "+0.02"`);
  const value = Number(match[2]);
  if (match[3] === undefined) return { kind: 'absolute', value };
  return { kind: match[3] === '%' ? 'relative' : 'absolute', value: value / 100 };
}

/**
 * Why a margin means nothing for its metric: it allows nothing or everything, or speaks of the wrong side or in the wrong unit.
 * @returns undefined where it has a meaning.
 */
export function marginFault(text: string, metric: KnownMetric): string | undefined {
  const { kind, value } = parseMargin(text);
  const { name, direction, isShare, largestEffect } = metric;
  if (value < SMALLEST_MARGIN) return 'a margin of 0 can never be proven; use rollbackOn: any-harm with a margin > 0';
  if (metric.use === 'decides-by-ratio' && kind === 'absolute') {
    return `"${name}" is judged by the ratio of both variants' shares: expected a percentage of control's, for example ${signOf(direction)}5%, not "${text}"`;
  }
  if (!text.startsWith(signOf(direction))) {
    return `"${text}": ${direction} is better for "${name}", so what is worse has the sign ${signOf(direction)}`;
  }
  if (text.endsWith('pp') && !isShare) {
    return `"${text}": "${name}" is no share, so it has no percentage points; expected a percentage of control's value, for example ${signOf(direction)}5%, or a number in its own unit`;
  }
  if (kind === 'relative' && direction === 'higher' && value >= 1) {
    return `"${text}" allows "${name}" to fall to nothing: expected less than 100%`;
  }
  if (kind === 'absolute' && largestEffect !== null && value >= largestEffect) {
    return `"${text}" allows "${name}" everything, since it can't be worse by more than ${largestEffect}; expected a smaller one, or with a unit, for example ${signOf(direction)}${isShare ? '0.5pp' : '5%'}`;
  }
  if (!(value < LARGEST_MARGIN)) return `"${text}": expected less than ${LARGEST_MARGIN}`;
  return undefined;
}

/** Nobody could tell it from 0. */
const SMALLEST_MARGIN = 1e-12;

/** Beyond any metric's unit; keeps what is computed from it finite. */
const LARGEST_MARGIN = 1e15;

function signOf(direction: KnownMetric['direction']): '+' | '-' {
  return direction === 'lower' ? '+' : '-';
}
