import { describe, expect, it } from 'vitest';
import type { AllocationCommanded, ExperimentDefined, ServiceDefined } from '#libs/contracts';
import { aSpec } from '#libs/testing/delivery';
import {
  command as commandState,
  defineRevision,
  unknownExperiment,
  type ExperimentState,
} from './experiment-state.js';
import { buildRoutingTable } from './routing-table.js';

const SERVICE = 'text-to-image';
const at = (second: number): string => new Date(Date.parse('2026-11-20T10:00:00.000Z') + 1_000 * second).toISOString();

const definition = (experiment: string, revision = 1, second = 0): ExperimentDefined => ({
  experiment,
  revision,
  spec: aSpec({ key: experiment, service: SERVICE }),
  fingerprints: { control: 'a', candidate: 'b' },
  definedAt: at(second),
  definedBy: 'ana',
});

const order = (
  experiment: string,
  epoch: number,
  overrides: Partial<AllocationCommanded> = {},
): AllocationCommanded => ({
  commandId: `${experiment}-${epoch}`,
  experiment,
  service: SERVICE,
  revision: 1,
  epoch,
  command: 'advance',
  stage: 0,
  weightsPpm: { control: 900_000, candidate: 100_000 },
  reason: 'operator',
  message: 'told to',
  evidence: null,
  actor: 'ana',
  commandedAt: at(epoch),
  terminal: false,
  ...overrides,
});

const OF_A_SERVICE = { baseline: { upstream: 'http://127.0.0.1:8100/', fingerprint: 'a' } } as const;
const ENDED = { command: 'rollback', terminal: true, weightsPpm: { control: 1_000_000, candidate: 0 } } as const;

const running = (experiment: string, given: AllocationCommanded, second = 0): ExperimentState => ({
  experiment,
  definitions: [definition(experiment, given.revision, second)],
  command: given,
});

const baseline = (epoch: number): ServiceDefined => ({
  service: SERVICE,
  baseline: {
    upstream: 'http://127.0.0.1:8100/',
    config: { checkpoint: 'a', sampler: 'b', steps: 1, precision: 'c' },
    fingerprint: 'a',
  },
  epoch,
  definedAt: at(0),
  definedBy: 'ana',
});

/** Who rules the service, in whatever order things became known. */
function ruler(experiments: readonly ExperimentState[], services: readonly ServiceDefined[] = []): string {
  const rules = [experiments, experiments.toReversed()].map((known) => {
    const route = buildRoutingTable({ experiments: known, services, brokenGlass: [] }, new Map()).get(SERVICE);
    return route?.kind === 'experiment' ? route.rules.experiment : (route?.kind ?? 'nobody');
  });
  expect(rules[0]).toBe(rules[1]);
  return rules[0] as string;
}

describe('of two experiments on one service', () => {
  it('the one with the larger epoch rules, although it has ended and was defined before', () => {
    expect(
      ruler([
        running('a', order('a', 7, { ...OF_A_SERVICE, ...ENDED })),
        running('b', order('b', 6, OF_A_SERVICE), 90),
      ]),
    ).toBe('a');
  });

  it('one whose order is of the service overrules any of before, although that runs and has a larger epoch', () => {
    expect(ruler([running('a', order('a', 2, { ...OF_A_SERVICE, ...ENDED })), running('b', order('b', 9), 90)])).toBe(
      'a',
    );
  });

  it('of before services had epochs the running one rules, although the ended one was defined later', () => {
    expect(ruler([running('a', order('a', 1)), running('b', order('b', 9, ENDED), 90)])).toBe('a');
  });

  it('of two of before that run the one defined later rules, and of two of the same moment always the same', () => {
    expect(ruler([running('a', order('a', 9)), running('b', order('b', 1), 90)])).toBe('b');
    expect(ruler([running('a', order('a', 1), 90), running('b', order('b', 9))])).toBe('a');
    expect(ruler([running('a', order('a', 9)), running('b', order('b', 1))])).toBe('b');
  });
});

describe('beside a baseline', () => {
  it('a service that was deleted is ruled by nobody', () => {
    expect(ruler([], [baseline(3)])).toBe('upstream');
    expect(ruler([], [{ ...baseline(3), deleted: true }])).toBe('nobody');
  });

  it('an experiment of the same epoch rules, and one of an older order does not', () => {
    const ended = running('a', order('a', 4, { ...OF_A_SERVICE, ...ENDED }));
    expect(ruler([ended], [baseline(4)])).toBe('a');
    expect(ruler([ended], [baseline(5)])).toBe('upstream');
  });

  it('a running experiment of before rules, an ended one does not', () => {
    expect(ruler([running('a', order('a', 4))], [baseline(9)])).toBe('a');
    expect(ruler([running('a', order('a', 4, ENDED))], [baseline(9)])).toBe('upstream');
  });
});

/** What a router knows after an order of the first revision and the definition of the second. */
const after = (given: AllocationCommanded): ExperimentState =>
  defineRevision(
    commandState(defineRevision(unknownExperiment('a'), definition('a', given.revision)), given).state,
    definition('a', 2),
  );

describe('an order', () => {
  it('for a revision before the one in force is refused, however large its epoch', () => {
    const state = after(order('a', 3, { revision: 2 }));
    const refused = commandState(state, order('a', 900));
    expect(refused.answer).toEqual({ outcome: 'refused', reason: 'stale-revision' });
    expect(refused.state.command?.epoch).toBe(3);
  });

  it('after the last one of its revision is refused, unless it is a rollback, the same once more, or of another revision', () => {
    const last = { command: 'promote', terminal: true, weightsPpm: { control: 0, candidate: 1_000_000 } } as const;
    const state = after(order('a', 3, last));
    const answerTo = (overrides: Partial<AllocationCommanded>) => commandState(state, order('a', 4, overrides)).answer;
    expect(answerTo({})).toEqual({ outcome: 'refused', reason: 'ended' });
    expect(answerTo({ command: 'conclude', terminal: true })).toEqual({ outcome: 'refused', reason: 'ended' });
    expect(answerTo(ENDED)).toEqual({ outcome: 'applied' });
    expect(answerTo(last)).toEqual({ outcome: 'applied' });
    expect(answerTo({ revision: 2 })).toEqual({ outcome: 'applied' });
    expect(commandState(after(order('a', 3, ENDED)), order('a', 4)).answer).toEqual({
      outcome: 'refused',
      reason: 'latched',
    });
  });
});
