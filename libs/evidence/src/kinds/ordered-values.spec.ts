import { addToSketch, initialSketch, quantile, quantileInterval } from '#libs/statistics';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantileIntervalOf, quantileOf } from './ordered-values.js';

describe('quantiles of values put in order once', () => {
  it('are those of the sketch, also after it has grown', () => {
    const value = fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(0, Infinity));
    const property = fc.property(
      fc.array(value, { maxLength: 400 }),
      fc.constantFrom(0.05, 0.5, 0.95, 0.99),
      (all, p) => {
        const sketch = initialSketch();
        all.forEach((one, index) => {
          addToSketch(sketch, one);
          if (index % 50 !== 0 && index !== all.length - 1) return;
          expect(quantileOf(sketch, p)).toBe(quantile(sketch, p));
          expect(quantileIntervalOf(sketch, p, 0.025)).toEqual(quantileInterval(sketch, p, 0.025));
        });
      },
    );
    fc.assert(property, { numRuns: 60, seed: 3 });
    expect(quantileOf(initialSketch(), 0.5)).toBeNull();
  });
});
