import { describe, expect, it } from 'vitest';
import type { AllocationCommanded, ExperimentDefined } from '#libs/contracts';
import { command, defineRevision, unknownExperiment, type ExperimentState } from './experiment-state.js';

const ordered = (epoch: number, changes: Partial<AllocationCommanded> = {}): AllocationCommanded => ({
  commandId: `command-${epoch}`,
  experiment: 'exp',
  service: 'text-to-image',
  revision: 2,
  epoch,
  command: 'advance',
  stage: 0,
  weightsPpm: { control: 900_000, candidate: 100_000 },
  reason: 'operator',
  message: '',
  evidence: null,
  actor: 'test',
  commandedAt: '2026-11-20T10:15:30.120Z',
  terminal: false,
  ...changes,
});

/** The state after these orders, each of which is taken. */
function after(...orders: readonly AllocationCommanded[]): ExperimentState {
  const variants = { control: {}, candidate: {} };
  const defined = { experiment: 'exp', revision: 2, spec: { variants } } as unknown as ExperimentDefined;
  return orders.reduce(
    (state, order) => {
      const taken = command(state, order);
      expect(taken.answer.outcome).toMatch(/applied|waiting/);
      return taken.state;
    },
    defineRevision(unknownExperiment('exp'), defined),
  );
}

const all = { weightsPpm: { control: 0, candidate: 1_000_000 } };
const none = { weightsPpm: { control: 1_000_000, candidate: 0 } };

describe('an order', () => {
  it.each([
    ['of a revision before the one in force', [ordered(5)], ordered(6, { revision: 1 }), 'stale-revision'],
    [
      'after the last one of a promotion',
      [ordered(5, { command: 'promote', terminal: true, ...all })],
      ordered(6),
      'ended',
    ],
    ['after a rollback', [ordered(5, { command: 'rollback', terminal: true, ...none })], ordered(6), 'latched'],
    ['of an epoch that is not larger', [ordered(5)], ordered(5, { commandId: 'other' }), 'stale-epoch'],
    [
      'for a variant that is not defined',
      [ordered(5)],
      ordered(6, { weightsPpm: { other: 1_000_000 } }),
      'unknown-variant',
    ],
  ] as const)('%s is refused', (_what, before, given, reason) => {
    const state = after(...before);
    expect(command(state, given)).toEqual({ state, answer: { outcome: 'refused', reason } });
  });

  it('to roll back is obeyed after anything, and the same one again under a larger epoch too', () => {
    const promoted = ordered(5, { command: 'promote', terminal: true, ...all });
    const again = ordered(6, { command: 'promote', terminal: true, ...all });
    const rollback = ordered(7, { command: 'rollback', terminal: true, ...none });
    expect(after(promoted, again, rollback).command).toEqual(rollback);
  });

  it('of a newer revision is obeyed after an end', () => {
    const promoted = ordered(5, { command: 'promote', terminal: true, ...all });
    expect(after(promoted, ordered(6, { revision: 3 })).command?.revision).toBe(3);
  });
});
