import { z } from 'zod';
import type { KnownMetric } from './known-metric.js';
import { unitScale } from './margin.js';
import type { AbsoluteLimit } from './spec.js';

const WRITTEN = /^([+-]?\d+(?:\.\d+)?)\s*(%|[A-Za-zµ]+)?$/;
const EXPECTED = 'expected an amount such as 5%, 2s, 0.25 or 512MiB';

/** An absolute limit as people write it. */
export const limitText = z.union([z.number(), z.string().regex(WRITTEN, EXPECTED)], EXPECTED);

/** What a guardrail says of absolute limits. */
export interface WrittenLimit {
  readonly atMost?: string | number | undefined;
  readonly atLeast?: string | number | undefined;
}

export type ReadLimit =
  | { readonly limit: AbsoluteLimit | null; readonly fault?: never }
  | { readonly limit?: never; readonly fault: { readonly key: keyof WrittenLimit; readonly message: string } };

/** "atMost: 5%" → at most 0.05. No limit: null. @returns a fault where it is of the wrong side, in another unit or beyond what the metric can be. */
export function readLimitOf(written: WrittenLimit, metric: KnownMetric): ReadLimit {
  const { name, direction, limits, range } = metric;
  const [key, other] = direction === 'lower' ? (['atMost', 'atLeast'] as const) : (['atLeast', 'atMost'] as const);
  const wrong = written[other];
  if (wrong !== undefined) {
    return fault(
      other,
      `${direction} is better for "${name}", so its limit is ${key}: ${wrong}, beside a margin or alone`,
    );
  }
  const text = written[key];
  if (text === undefined) return { limit: null };
  if (limits !== true) {
    return fault(key, `"${name}" is judged against control alone, so it has no absolute limit; expected a margin`);
  }
  const [, size, unit] = WRITTEN.exec(String(text)) ?? [];
  const scale = unit === '%' ? (metric.isShare ? 0.01 : undefined) : unitScale(unit, metric);
  if (size === undefined) return fault(key, EXPECTED);
  if (scale === undefined || unit === 'pp') return fault(key, `"${text}": ${unitWords(metric)}`);
  const value = Number(size) * scale;
  const [low, high] = range ?? [-Infinity, Infinity];
  if (!(value > low && value < high)) {
    return fault(key, `"${text}": "${name}" lies between ${low} and ${high}, so the limit has to lie inside`);
  }
  if (range === undefined && value === 0) {
    return fault(
      key,
      `a limit of 0 leaves nothing to bet with, since "${name}" has no bounds; expected another number`,
    );
  }
  return { limit: { metric: name, kind: direction === 'lower' ? 'at-most' : 'at-least', value } };
}

function fault(key: keyof WrittenLimit, message: string): ReadLimit {
  return { fault: { key, message } };
}

function unitWords({ name, isShare, unit = '' }: KnownMetric): string {
  if (isShare) return `"${name}" is a share; expected a percentage such as 5%`;
  return `"${name}" is ${unit === '' ? 'a plain number' : `in ${unit}`}; expected a number in its own unit`;
}
