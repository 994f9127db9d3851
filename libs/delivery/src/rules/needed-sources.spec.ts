import { describe, expect, it } from 'vitest';
import { aSpec } from '#libs/testing/delivery';
import { neededSources } from './needed-sources.js';

describe('the sources that a revision needs', () => {
  it('are those of the parts of a quotient that guards', () => {
    const quotients = [
      { name: 'cost-per-download', of: 'cost-per-image', per: 'download-rate', direction: 'lower' as const, unit: '' },
      { name: 'alignment-per-download', of: 'alignment', per: 'download-rate', direction: 'higher' as const, unit: '' },
    ];
    const guarding = (metric: string) =>
      aSpec({
        quotients,
        guardrails: [{ metric, margin: { kind: 'relative', value: 0.1 }, rollbackOn: 'beyond-margin' }],
      });
    expect(neededSources(guarding('cost-per-download'))).toEqual({ telemetry: true, scores: false });
    expect(neededSources(guarding('alignment-per-download'))).toEqual({ telemetry: true, scores: true });
    expect(neededSources(guarding('error-rate'))).toEqual({ telemetry: false, scores: false });
  });
});
