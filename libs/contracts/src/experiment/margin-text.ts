import { z } from 'zod';
import type { Margin } from './spec.js';

/** A margin as people write it. */
export const marginText = z
  .string()
  .regex(/^[+-]\d+(?:\.\d+)?\s*(?:%|pp)?$/, 'expected a signed margin such as "-1%", "+0.5pp" or "+0.02"');

/** "-1%" → relative 0.01, "+0.5pp" → absolute 0.005, "+0.02" → absolute 0.02. The sign only says which way is worse. */
export function parseMargin(text: string): Margin {
  const match = /^[+-](\d+(?:\.\d+)?)\s*(%|pp)?$/.exec(text);
  if (!match) throw new RangeError(`margin "${text}": expected for example "-1%", "+0.5pp" or "+0.02"`);
  const value = Number(match[1]);
  if (match[2] === '%') return { kind: 'relative', value: value / 100 };
  if (match[2] === 'pp') return { kind: 'absolute', value: value / 100 };
  return { kind: 'absolute', value };
}
