import { describe, expect, it } from 'vitest';
import type { AnalysisHealth } from '#libs/contracts';
import { HEALTHY } from '#libs/testing/delivery';
import { unitWarnings } from './unit-warnings.js';

const warned = (health: Partial<AnalysisHealth>, unit: 'user' | 'session' | 'request' = 'user') =>
  unitWarnings({ ...HEALTHY, ...health }, unit);
const ids = { nameless: 0, beyondMemory: 0, heaviest: null };

describe('warnings about units', () => {
  it('are none where all is well, and for analyses that say nothing of them', () => {
    expect(warned({})).toEqual([]);
    expect(warned({ unitIds: ids })).toEqual([]);
  });

  it('count who has no name, and who is beyond the memory', () => {
    const [nameless, beyond] = warned({ unitIds: { ...ids, nameless: 1_234, beyondMemory: 99 } });
    expect(nameless).toMatch(/^1\u202f234 requests carry a user that names nobody/);
    expect(beyond).toContain('99 events are of those beyond. They count for harm, and nothing more is proven.');
  });

  it('name the unit that is too large', () => {
    const heaviest = { unit: 'robot', requests: 900, share: 0.12 };
    expect(warned({ unitIds: { ...ids, heaviest } })[0]).toContain(
      'The user “robot” makes at least 12 % of all requests',
    );
  });

  it('compare requests with the weights', () => {
    const observed = { control: 900, candidate: 300 };
    const expected = { control: 1_080, candidate: 120 };
    const [split] = warned({ requestSplit: { status: 'unequal', lnE: 20, observed, expected } });
    expect(split).toContain('(control 900, ordered were 1\u202f080; candidate 300, ordered were 120)');
  });
});
