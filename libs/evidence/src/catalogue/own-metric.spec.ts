import { describe, expect, it } from 'vitest';
import { ownMetrics } from '#libs/testing/traffic';
import { ownMetric } from './own-metric.js';

const tail = ownMetrics.find(({ kind }) => kind === 'lower-tail')!;

describe('a lower tail of the experiment’s own', () => {
  it.each(['higher', 'lower'] as const)(
    'is better the less often it happens, also where %s values are better',
    (way) => {
      expect(ownMetric({ ...tail, direction: way })).toMatchObject({ kind: 'lower-tail', direction: 'lower' });
    },
  );
});
