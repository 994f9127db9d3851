import { assign, prepareRules } from '#libs/assignment';
import type { WeightsPpm } from '#libs/contracts';
import { aSpec, define, logOf, T0 } from '#libs/testing/delivery';
import { describe, expect, it } from 'vitest';
import { commandOf, type CommandOrder } from './command.js';
import { evolve } from './evolve.js';
import { initialState, type DeliveryState, type StartedState } from './state.js';

const { control, candidate } = aSpec().variants as Record<'control' | 'candidate', never>;
const names = ['a', 'b', 'c', 'd'];
const spec = aSpec({
  kind: 'ab',
  variants: { control, ...Object.fromEntries(names.map((name) => [name, candidate])) },
  objectives: [{ metric: 'cost-per-image', weight: 1 }],
});
const started = logOf(define(T0, spec)).reduce(evolve, initialState as DeliveryState) as StartedState;

/** The state after orders of these shares of a, b, c and d. */
function after(...orders: readonly (readonly number[])[]): StartedState {
  return orders.reduce<StartedState>((state, shares) => {
    const weightsPpm: WeightsPpm = {
      control: 1_000_000 - shares.reduce((sum, share) => sum + share, 0),
      ...Object.fromEntries(names.map((name, index) => [name, shares[index] ?? 0])),
    };
    const lastCommand = commandOf(state, { atMs: T0, commandId: 'c' }, { ...order, weightsPpm });
    return { ...state, epoch: lastCommand.epoch, weightsPpm, lastCommand };
  }, started);
}

const order: Omit<CommandOrder, 'weightsPpm'> = {
  command: 'advance',
  stage: 0,
  reason: 'operator',
  message: '',
  terminal: false,
  evidence: null,
  actor: 'test',
};

function servedBy({ lastCommand }: StartedState): (unit: string) => string {
  const { experiment, revision, epoch, stage, weightsPpm, segments } = lastCommand;
  const variants = Object.keys(spec.variants);
  const of = { experiment, revision, epoch, stage, weightsPpm, segments, variants, control: 'control', audience: [] };
  const rules = prepareRules(of);
  return (unit) => assign(rules, { unit, attributes: {} }).variant;
}

describe('an order that raises the shares of several candidates', () => {
  const [before, raised] = [
    [300_000, 300_000, 0, 0],
    [400_000, 400_000, 50_000, 0],
  ] as const;

  it('moves nobody who is with one of them, and routers need no more than the order for that', () => {
    const units = Array.from({ length: 1_000 }, (_, index) => `user-${index}`);
    const [was, is] = [servedBy(after(before)), servedBy(after(before, raised))];
    const moved = units.filter((unit) => was(unit) !== 'control' && is(unit) !== was(unit));
    expect(moved).toEqual([]);
    const { segments } = after(before, raised).lastCommand;
    expect(segments).toBeDefined();
    // Given once more, it is the same order.
    expect(after(before, raised, raised).lastCommand.segments).toEqual(segments);
  });

  it('says no more than the weights where these are enough', () => {
    expect(after(before).lastCommand).not.toHaveProperty('segments');
    expect(after(before, raised, [0, 0, 0, 0]).lastCommand).not.toHaveProperty('segments');
    expect(
      after([100_000, 100_000, 100_000, 100_000], [200_000, 200_000, 200_000, 200_000]).lastCommand,
    ).not.toHaveProperty('segments');
  });
});
