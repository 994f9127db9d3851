import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MetricAnalysis } from '#libs/contracts';
import { HEALTHY, playService, serviceHistories, type PlayedMoment, type ServiceWorld } from '#libs/testing/delivery';
import { standstillAt } from '../rules/standstill.js';
import { initialState, isActive, isInShadow, type DeliveryState } from '../state.js';
import { serviceEvent } from './events.js';
import { evolveService } from './evolve-service.js';
import { newService } from './state.js';

/** Played once for all that has to hold in them. */
const histories = fc.sample(serviceHistories, { numRuns: 150, seed: 20_261_127 }).map(playService);

/** @throws Error that names the history in which it does not hold. */
function always(check: (steps: readonly PlayedMoment[]) => void): void {
  for (const [index, steps] of histories.entries()) {
    try {
      check(steps);
    } catch (error) {
      throw new Error(`history ${index}: ${(error as Error).message}`, { cause: error });
    }
  }
}

function stateIn({ experiments }: ServiceWorld, key: string | null): DeliveryState {
  return (key === null ? undefined : experiments[key]) ?? initialState;
}

/** What everybody but control has of an experiment, by its newest order. */
function exposedPpm(state: DeliveryState): number {
  return 'weightsPpm' in state ? 1_000_000 - (state.weightsPpm[state.spec.control] ?? 0) : 0;
}

/** Epochs that routers hear of a step: of its orders, and of what the service itself is told to be. */
function epochsOf({ events, serviceEvents }: PlayedMoment): { readonly orders: number[]; readonly own: number[] } {
  const orders = events.flatMap((event) => ('command' in event ? [event.command.epoch] : []));
  const own = serviceEvents.flatMap((event) =>
    (event.type === 'baseline-set' || event.type === 'slots-set' || event.type === 'mode-set') && event.epoch > 0
      ? [event.epoch]
      : [],
  );
  return { orders, own };
}

/** What decides: not what is on trial. */
function guarded(metrics: readonly MetricAnalysis[], state: DeliveryState): readonly MetricAnalysis[] {
  const names = state.phase === 'absent' ? [] : state.spec.guardrails.map(({ metric }) => metric);
  return metrics.filter(({ metric }) => names.includes(metric));
}

const isProven = ({ verdict }: MetricAnalysis): boolean => verdict === 'non-inferior' || verdict === 'superior';

describe('in every history of a service with several experiments', () => {
  it('what happens at all: starts, rises, promotions, roll-backs, and experiments beside each other', () => {
    const seen = new Map<string, number>();
    always((steps) => {
      for (const { events, serviceEvents } of steps)
        for (const { type } of [...events, ...serviceEvents]) seen.set(type, (seen.get(type) ?? 0) + 1);
    });
    const kinds = ['started', 'advanced', 'promoted', 'concluded', 'rolled-back', 'arm-dropped', 'held', 'reissued'];
    for (const kind of [...kinds, 'slots-set', 'mode-set', 'fingerprint-latched', 'latch-lifted'])
      expect([kind, (seen.get(kind) ?? 0) > 5]).toEqual([kind, true]);
  });

  it('there is one order of epochs, whichever experiment an order comes from', () => {
    always((steps) => {
      let newest = 0;
      for (const step of steps) {
        const { orders, own } = epochsOf(step);
        for (const epoch of orders) {
          expect(epoch).toBeGreaterThan(newest);
          newest = epoch;
        }
        // What an order makes the baseline has that order's epoch; what a person says has one of its own.
        for (const epoch of own) expect(epoch).toBeGreaterThan(step.key === null ? newest : newest - 1);
        newest = Math.max(newest, ...own);
        expect(step.after.service.epoch).toBeGreaterThanOrEqual(newest);
      }
    });
  });

  it('a slot has one experiment at most, and no other one serves anybody', () => {
    always((steps) => {
      for (const { after } of steps) {
        const holders = after.service.slots.flatMap(({ heldBy }) => heldBy?.experiment ?? []);
        expect(new Set(holders).size).toBe(holders.length);
        const active = Object.entries(after.experiments).filter(([, state]) => isActive(state));
        for (const [key] of active) expect(holders).toContain(key);
      }
    });
  });

  it('a share rises by an analysis that proves it, healthy and in its hours, or by a named person', () => {
    always((steps) => {
      for (const { before, key, input, after } of steps) {
        const was = stateIn(before, key);
        const is = stateIn(after, key);
        if (exposedPpm(is) <= exposedPpm(was)) continue;
        if (input.type !== 'analysed') {
          expect(['define', 'new-attempt', 'approve', 'promote']).toContain(input.type);
          continue;
        }
        expect(was).toMatchObject({ phase: 'running' });
        expect(before.service.mode).toBeUndefined();
        expect(was.phase === 'running' ? standstillAt(was.spec, input.atMs) : null).toBeUndefined();
        const { metrics, health } = input.analysis;
        expect(health).toEqual(HEALTHY);
        // Who was dropped gets nothing of it; in a shadow nobody was drawn, and pairs alone speak.
        if (was.phase !== 'running' || isInShadow(was)) continue;
        const judged = guarded(metrics, was).filter(({ candidate }) => !was.dropped?.includes(candidate));
        expect(judged.filter(({ verdict }) => verdict === 'harmful')).toEqual([]);
      }
    });
  });

  it('nobody wins without proof of every guardrail, or a named person', () => {
    always((steps) => {
      for (const { before, key, events, input } of steps)
        for (const event of events) {
          const isWon = event.type === 'promoted' || (event.type === 'concluded' && event.winner !== null);
          if (!isWon || input.type !== 'analysed') continue;
          const winner = event.type === 'concluded' ? event.winner : null;
          const [named] = Object.entries(event.command.weightsPpm).filter(([, ppm]) => ppm === 1_000_000);
          const metrics = guarded(input.analysis.metrics, stateIn(before, key));
          const judged = metrics.filter(({ candidate }) => candidate === (winner ?? named?.[0]));
          expect(judged.length).toBeGreaterThan(0);
          expect(judged.every(isProven)).toBe(true);
        }
    });
  });

  it('what was rolled back gets nobody until somebody asks for it', () => {
    always((steps) => {
      for (const { after } of steps) {
        const { latched, slots } = after.service;
        for (const { heldBy, order } of slots) {
          const state = stateIn(after, heldBy?.experiment ?? null);
          if (order === null || state.phase === 'absent' || order.revision !== state.revision) continue;
          const served = Object.entries(order.weightsPpm).filter(
            ([name, ppm]) => name !== state.spec.control && ppm > 0,
          );
          for (const [name] of served) expect(Object.keys(latched)).not.toContain(state.fingerprints[name]);
        }
      }
    });
  });

  it('its log gives the state that following it gave', () => {
    always((steps) => {
      const stored = JSON.stringify(steps.flatMap(({ serviceEvents }) => serviceEvents));
      const rebuilt = serviceEvent.array().parse(JSON.parse(stored)).reduce(evolveService, newService('text-to-image'));
      expect(rebuilt).toEqual(steps.at(-1)?.after.service);
    });
  });
});
