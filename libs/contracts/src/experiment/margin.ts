import { z } from 'zod';
import type { KnownMetric } from './known-metric.js';
import type { Margin } from './spec.js';

/** The minus sign of printed numbers counts as the one of keyboards: messages and documents are copied from. */
const AMOUNT = String.raw`([+\-−])(\d+(?:\.\d+)?)(?:\s*(%|[A-Za-zµ]+))?`;
const WRITTEN = new RegExp(`^${AMOUNT}(?:\\s+or\\s+${AMOUNT})?\\s*$`);
const EXPECTED = 'expected a signed margin such as "-1%", "+0.5pp", "+0.02" or "+5% or +1ms"';

/** A margin as people write it. */
export const marginText = z.union(
  [z.number().transform(asText), z.string(EXPECTED).regex(WRITTEN, EXPECTED)],
  EXPECTED,
);

/** YAML makes a number of "-0.1", and of "+0.1" one without a sign. */
function asText(value: number): string {
  return `${value < 0 ? '-' : '+'}${digitsOf(Math.abs(value))}`;
}

/** Without a power of ten, and without the digits that a multiplication adds. */
function digitsOf(size: number): string {
  const exact = Number(size.toPrecision(12));
  return String(exact).includes('e') ? exact.toFixed(20).replace(/\.?0+$/, '') : String(exact);
}

/** A margin that means something for its metric, or why it means nothing. */
export type ReadMargin =
  | { readonly margin: Margin; readonly fault?: never }
  | { readonly margin?: never; readonly fault: string };

/**
 * "-1%" → relative 0.01, "+0.5pp" → absolute 0.005, "+50ms" → absolute 50, "+5% or +1ms" → relative 0.05, but at least 1. The sign only says
 * which way is worse. A percentage without a floor gets the metric's own one, so that the revision says what holds where control's value
 * is (nearly) 0.
 *
 * @returns a fault where the margin allows nothing or everything, or speaks of the wrong side or in the wrong unit.
 */
export function readMargin(printed: string, metric: KnownMetric): ReadMargin {
  const text = printed.replaceAll('−', '-');
  const [, sign, size, unit, floorSign, floorSize, floorUnit] = WRITTEN.exec(text) ?? [];
  if (sign === undefined || size === undefined) return { fault: `"${text}": ${EXPECTED}` };
  const written = { sign, size: Number(size), unit };
  if (unit !== '%') {
    if (floorSize !== undefined) return { fault: `"${text}": only a percentage has a floor; ${EXPECTED}` };
    const { value, fault } = absoluteAmount(text, written, metric);
    return fault === undefined ? { margin: { kind: 'absolute', value } } : { fault };
  }
  const fault = percentageFault(text, written, metric);
  if (fault !== undefined) return { fault };
  const value = written.size / 100;
  if (floorSign === undefined || floorSize === undefined) {
    const { floor } = metric;
    return { margin: { kind: 'relative', value, ...(floor === undefined ? {} : { floor }) } };
  }
  if (metric.use === 'decides-by-ratio') {
    return { fault: `"${text}": "${metric.name}" is judged by the ratio of both variants' shares, which has no floor` };
  }
  const floor = absoluteAmount(text, { sign: floorSign, size: Number(floorSize), unit: floorUnit }, metric);
  return floor.fault === undefined ? { margin: { kind: 'relative', value, floor: floor.value } } : floor;
}

/** A margin as a file would say it: "-1%", "+0.5pp", "+5% or +1ms". A floor that the metric has by itself is left out. */
export function marginInFile({ kind, value, floor }: Margin, metric: KnownMetric): string {
  const side = signOf(metric.direction);
  if (kind === 'absolute') return `${side}${amountInFile(value, metric, 'pp')}`;
  const size = `${side}${digitsOf(value * 100)}%`;
  return floor === undefined || floor === metric.floor
    ? size
    : `${size} or ${side}${amountInFile(floor, metric, 'pp')}`;
}

/** An amount in the metric's own unit, as a file would say it; `ofShares` is the sign of a hundredth: "0.5pp", "5%", "8000ms", "0.25". */
export function amountInFile(value: number, { isShare, unit = '' }: KnownMetric, ofShares: 'pp' | '%'): string {
  if (isShare) return `${digitsOf(value * 100)}${ofShares}`;
  const isWritten = unit in TIMES_MS || unit in BYTES_MIB;
  return `${digitsOf(value)}${isWritten ? unit : ''}`;
}

/** What a margin allows those who get a share of the traffic, so that share × harm stays within it: the margin ÷ share, floor included. */
export function marginForShare({ kind, value, floor }: Margin, share: number): Margin {
  return { kind, value: value / share, ...(floor === undefined ? {} : { floor: floor / share }) };
}

/**
 * How much worse a margin allows, in the metric's own unit. A percentage is of control's value, and at least its floor; of a value below 0
 * there is no percentage, so that the floor alone is left.
 */
export function marginSize({ kind, value, floor }: Margin, control: number): number {
  if (kind === 'absolute') return value;
  return floor === undefined ? value * Math.abs(control) : Math.max(floor, value * control);
}

/** An amount as it is written. */
interface Amount {
  readonly sign: string;
  readonly size: number;
  readonly unit: string | undefined;
}

function percentageFault(text: string, { sign, size }: Amount, metric: KnownMetric): string | undefined {
  const { name, direction, floor, isNeverPositive = false } = metric;
  if (size / 100 < SMALLEST_MARGIN) return NOTHING_ALLOWED;
  const wrongSide = signFault(text, sign, metric);
  if (wrongSide !== undefined) return wrongSide;
  if (direction === 'higher' && size >= 100) {
    return `"${text}" allows "${name}" to fall to nothing: expected less than 100%`;
  }
  if (isNeverPositive && floor === undefined && !text.includes(' or ')) {
    return `"${text}": "${name}" is never above 0 by its bounds, and of such a value there is no percentage; expected a number in its own unit, for example ${signOf(direction)}0.02`;
  }
  return size / 100 < LARGEST_MARGIN ? undefined : `"${text}": expected less than ${LARGEST_MARGIN}`;
}

type ReadAmount =
  | { readonly value: number; readonly fault?: never }
  | { readonly value?: never; readonly fault: string };

function absoluteAmount(text: string, { sign, size, unit }: Amount, metric: KnownMetric): ReadAmount {
  const { name, direction, isShare, largestEffect } = metric;
  const side = signOf(direction);
  if (size < SMALLEST_MARGIN) return { fault: NOTHING_ALLOWED };
  if (metric.use === 'decides-by-ratio') {
    return {
      fault: `"${name}" is judged by the ratio of both variants' shares: expected a percentage of control's, for example ${side}5%, not "${text}"`,
    };
  }
  const wrongSide = signFault(text, sign, metric);
  if (wrongSide !== undefined) return { fault: wrongSide };
  const scale = unitScale(unit, metric);
  if (scale === undefined) return { fault: unitFault(text, unit, metric) };
  const value = size * scale;
  if (largestEffect !== null && value >= largestEffect) {
    return {
      fault: `"${text}" allows "${name}" everything, since it can't be worse by more than ${largestEffect}; expected a smaller one, or with a unit, for example ${side}${!isShare ? '5%' : unit === undefined && size < 100 ? `${size}pp` : '0.5pp'}`,
    };
  }
  // Who writes "+0.5" of a share rarely means half of everything.
  if (isShare && unit === undefined && value >= LARGEST_BARE_SHARE) {
    return {
      fault: `"${text}" would be ${rounded(value * 100)} percentage points of "${name}": expected it with its unit, ${side}${size}pp, or ${side}${rounded(value * 100)}pp if so much is meant`,
    };
  }
  return value < LARGEST_MARGIN ? { value } : { fault: `"${text}": expected less than ${LARGEST_MARGIN}` };
}

function signFault(text: string, sign: string, { name, direction }: KnownMetric): string | undefined {
  const side = signOf(direction);
  if (sign === side) return undefined;
  return `"${text}": ${direction} is better for "${name}", so what is worse has the sign ${side}; expected "${text.replaceAll(sign, side)}"`;
}

const TIMES_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const BYTES_MIB: Readonly<Record<string, number>> = { KiB: 1 / 1024, MiB: 1, GiB: 1024 };

/** Of the metric's own unit in one of the written unit; undefined where one can't be turned into the other. */
export function unitScale(written: string | undefined, { unit = '', isShare }: KnownMetric): number | undefined {
  if (written === undefined || written === unit) return 1;
  if (written === 'pp') return isShare ? 0.01 : undefined;
  for (const scales of [TIMES_MS, BYTES_MIB]) {
    const [from, to] = [scales[written], scales[unit]];
    if (from !== undefined && to !== undefined) return from / to;
  }
  return undefined;
}

function unitFault(
  text: string,
  written: string | undefined,
  { name, unit = '', isShare, direction }: KnownMetric,
): string {
  const side = signOf(direction);
  if (written === '%') return `"${text}": a floor is no percentage; ${EXPECTED}`;
  if (written === 'pp') {
    return `"${text}": "${name}" is no share, so it has no percentage points; expected a percentage of control's value, for example ${side}5%, or a number in its own unit`;
  }
  const own = isShare ? 'a share' : unit === '' ? 'a plain number' : `in ${unit}`;
  return `"${text}": "${name}" is ${own}, not in ${written ?? ''}; expected for example ${side}${isShare ? '0.5pp' : '5%'}, or a number in its own unit`;
}

const NOTHING_ALLOWED = 'a margin of 0 can never be proven; use rollbackOn: any-harm with a margin > 0';

/** Nobody could tell it from 0. */
const SMALLEST_MARGIN = 1e-12;

/** Beyond any metric's unit; keeps what is computed from it finite. */
const LARGEST_MARGIN = 1e15;

/** Ten percentage points. */
const LARGEST_BARE_SHARE = 0.1;

function signOf(direction: KnownMetric['direction']): '+' | '-' {
  return direction === 'lower' ? '+' : '-';
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
