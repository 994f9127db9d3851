import { describe, expect, it } from 'vitest';
import type { BusName } from '../bench/chaos/processes.js';
import { type Fault, planFaults as planWith } from './faults.js';

const ALL = { clocks: true, disk: true };
const planFaults = (seed: number, kills: number, bus: BusName) => planWith(seed, kills, bus, ALL);

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

  it('slows every way, sets clocks either way and fills the disk, but only where that can be done', () => {
    const ofKind = <Kind extends Fault['kind']>(kind: Kind, means?: typeof ALL) =>
      faults(means).filter((fault): fault is Extract<Fault, { kind: Kind }> => fault.kind === kind);
    expect(new Set(ofKind('slow').map(({ wayTo }) => wayTo))).toEqual(new Set(['database', 'broker']));
    expect(new Set(ofKind('clock').map(({ aheadMs }) => Math.sign(aheadMs)))).toEqual(new Set([-1, 1]));
    expect(new Set(ofKind('clock').map(({ victim }) => victim)).size).toBeGreaterThan(5);
    expect(ofKind('full disk').length).toBeGreaterThan(5);
    const none = { clocks: false, disk: false };
    expect([...ofKind('clock', none), ...ofKind('full disk', none)]).toEqual([]);
    expect(faults(none)).toHaveLength(1_000);
  });

  it('pauses and goes on in turn', () => {
    const orders = planFaults(3, 20, 'postgres').flatMap(({ order }) => order ?? []);
    expect(orders).toEqual(['pause', 'resume', 'pause', 'resume']);
  });
});

function faults(means = ALL): readonly Fault[] {
  return planWith(1, 1_000, 'kafka', means).map(({ fault }) => fault);
}

function victimsOn(bus: BusName) {
  return planFaults(1, 500, bus).flatMap(({ fault }) => ('victims' in fault ? [fault.victims] : []));
}
