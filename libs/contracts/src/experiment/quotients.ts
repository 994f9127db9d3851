import { z } from 'zod';
import { slug } from '../names.js';
import type { Complain } from './file-problems.js';
import { checkMetricName, findMetric, type KnownMetric } from './known-metric.js';
import type { Quotient } from './spec.js';

/** A quotient of two metrics, as people write it. */
export const quotientFile = z.strictObject({
  name: slug,
  of: z.string().min(1).describe('The metric above the line: a mean, a total or a deed, built-in or of one’s own.'),
  per: z.string().min(1).describe('The metric below it, of any topic.'),
  direction: z.enum(['higher', 'lower']).describe('Which way is better.'),
  unit: z.string().default(''),
});

/** Checks that the parts are metrics per unit, and says what the rest of the file may say of each quotient. */
export function readQuotients(
  written: readonly z.output<typeof quotientFile>[],
  known: readonly KnownMetric[],
  complain: Complain,
): { readonly quotients: readonly Quotient[]; readonly known: readonly KnownMetric[] } {
  const seen = new Set(known.map(({ name }) => name));
  written.forEach(({ name, of, per }, index) => {
    const at = (field: string): readonly PropertyKey[] => ['quotients', index, field];
    if (seen.has(name)) complain(at('name'), `there is a metric "${name}" already; choose another name`);
    seen.add(name);
    if (of === per) complain(at('per'), `"${per}" per itself is 1: expected another metric`);
    for (const [field, part] of [
      ['of', of],
      ['per', per],
    ] as const) {
      checkMetricName(part, { path: at(field), mayOnlyWarn: true }, known, complain);
      const metric = findMetric(part, known);
      if (metric && metric.isPerUnit !== true) {
        complain(
          at(field),
          `"${part}" is nothing of which every unit has an amount: expected a mean, a total or a deed such as download-rate`,
        );
      }
    }
  });
  return {
    quotients: written,
    known: written.map(({ name, direction, unit }) => ({
      name,
      use: 'decides-by-ratio',
      direction,
      largestEffect: null,
      isShare: false,
      unit,
      isUnpaired: true,
    })),
  };
}
