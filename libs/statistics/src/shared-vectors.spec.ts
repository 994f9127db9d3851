import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asymptoticHalfWidth, quantileRanks } from './index.js';

interface Vector {
  readonly id: string;
  readonly inputs: Record<string, never>;
  readonly expected: Record<string, never>;
  readonly tolerance: number;
}

const folder = new URL('../../../../shared/vectors/', import.meta.url);

function read<T>(name: string): T | null {
  const file = new URL(name, folder);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : null;
}

const statistics = read<Vector[]>('statistics.json');
const vectors = (prefix: string): Vector[] => (statistics ?? []).filter(({ id }) => id.startsWith(prefix));

describe.skipIf(statistics === null)('reference vectors of the other methods', () => {
  it('asymptotic confidence sequence', () => {
    for (const { inputs, expected } of vectors('asympcs-margin')) {
      const { alpha, t, t_opt } = inputs as unknown as { alpha: number; t: number; t_opt: number };
      const halfWidth = asymptoticHalfWidth(1 / Math.sqrt(t), t, alpha, t_opt);
      expect(halfWidth).toBeCloseTo(expected['two_sided_approx_rho'] as number, 10);
    }
  });

  it('quantile confidence sequence', () => {
    for (const { inputs, expected } of vectors('cs-quantile-ranks')) {
      const { p, t, t_opt, alpha } = inputs as unknown as { p: number; t: number; t_opt: number; alpha: number };
      expect(quantileRanks(p, t, alpha, t_opt)).toEqual({ low: expected['lower_rank'], high: expected['upper_rank'] });
    }
  });
});
