import { describe, expect, it } from 'vitest';
import type { BusName } from '../bench/chaos/processes.js';
import { planFaults } from './faults.js';

describe('a plan of faults', () => {
  it('is the same for the same seed', () => {
    expect(planFaults(7, 50, 'kafka')).toEqual(planFaults(7, 50, 'kafka'));
    expect(planFaults(7, 50, 'kafka')).not.toEqual(planFaults(8, 50, 'kafka'));
  });

  it('hits everybody in the long run, the broker where there is one, and never both routers at once', () => {
    expect(new Set(victimsOn('kafka').flat())).toEqual(new Set([...victimsOn('postgres').flat(), 'broker']));
    expect(new Set(victimsOn('postgres').flat()).size).toBe(10);
    for (const victims of victimsOn('kafka'))
      expect(victims.filter((name) => name.startsWith('router'))).not.toHaveLength(2);
  });

  it('pauses and goes on in turn', () => {
    const orders = planFaults(3, 20, 'postgres').flatMap(({ order }) => order ?? []);
    expect(orders).toEqual(['pause', 'resume', 'pause', 'resume']);
  });
});

function victimsOn(bus: BusName) {
  return planFaults(1, 500, bus).flatMap(({ fault }) => (fault.kind === 'slow' ? [] : [fault.victims]));
}
