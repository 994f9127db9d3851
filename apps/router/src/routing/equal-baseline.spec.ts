import { describe, expect, it } from 'vitest';
import { assign } from '#libs/assignment';
import type { AllocationCommanded, WeightsPpm } from '#libs/contracts';
import { definition } from '#libs/testing/traffic';
import { buildRoutingTable, type ExperimentRoute } from './routing-table.js';

const { control, candidate } = definition().spec.variants as Record<'control' | 'candidate', never>;
const upstream = 'http://baseline:8000';
const defined = definition({
  variants: { control, candidate, baseline: { ...(control as object), upstream } as never },
  baseline: 'baseline',
});
const { spec } = defined;
const units = Array.from({ length: 1_500 }, (_, index) => `user-${index}`);

const SHARES_PPM = spec.ramp.stages.map(({ weightPpm }) => weightPpm);

/** What a stage orders: the baseline gets as much as the candidate, as far as control has it to give. */
function weightsAt(sharePpm: number): WeightsPpm {
  const baseline = Math.min(sharePpm, 1_000_000 - sharePpm);
  return { control: 1_000_000 - sharePpm - baseline, candidate: sharePpm, baseline };
}

/** Who is served by whom under an order, by unit. */
function served(
  weightsPpm: WeightsPpm,
  command: AllocationCommanded['command'] = 'advance',
): ReadonlyMap<string, string> {
  const route = routeUnder(weightsPpm, command);
  return new Map(units.map((unit) => [unit, assign(route.rules, { unit, attributes: {} }).variant]));
}

function routeUnder(weightsPpm: WeightsPpm, command: AllocationCommanded['command'] = 'advance'): ExperimentRoute {
  const order: AllocationCommanded = {
    commandId: 'c-1',
    experiment: 'exp',
    service: spec.service,
    revision: 1,
    epoch: 1,
    command,
    stage: 0,
    weightsPpm,
    reason: 'operator',
    message: '',
    evidence: null,
    actor: 'test',
    commandedAt: new Date(0).toISOString(),
    terminal: false,
  };
  const state = { experiment: 'exp', definitions: [defined], command: order };
  const table = buildRoutingTable({ experiments: [state], services: [], brokenGlass: [] }, new Map());
  return table.get(spec.service) as ExperimentRoute;
}

function of(variant: string, assigned: ReadonlyMap<string, string>): readonly string[] {
  return units.filter((unit) => assigned.get(unit) === variant);
}

describe('an equal baseline', () => {
  it('has an upstream of its own, and as many units as the candidate while control has them to give', () => {
    expect(routeUnder(weightsAt(10_000)).upstreams.get('baseline')?.url).toBe(upstream);
    for (const sharePpm of SHARES_PPM) {
      const weights = weightsAt(sharePpm);
      const assigned = served(weights);
      for (const arm of ['candidate', 'baseline']) {
        // 5 standard deviations of a share of one half.
        expect(Math.abs(of(arm, assigned).length / units.length - (weights[arm] as number) / 1e6)).toBeLessThan(0.065);
      }
    }
  });

  it('keeps who is in either arm while the shares rise to one half', () => {
    let before = served(weightsAt(1_000));
    for (const sharePpm of SHARES_PPM.filter((share) => share <= 500_000)) {
      const after = served(weightsAt(sharePpm));
      for (const arm of ['candidate', 'baseline']) {
        expect(of(arm, before).filter((unit) => after.get(unit) !== arm)).toEqual([]);
      }
      before = after;
    }
    expect(of('baseline', before).length).toBeGreaterThan(650);
  });

  it('ends with the experiment, whichever way that ends', () => {
    const rolledBack = served({ control: 1_000_000, candidate: 0, baseline: 0 }, 'rollback');
    expect([of('baseline', rolledBack), of('candidate', rolledBack)]).toEqual([[], []]);
    const promoted = served({ control: 0, candidate: 1_000_000, baseline: 0 }, 'promote');
    expect(of('candidate', promoted)).toHaveLength(units.length);
  });
});
