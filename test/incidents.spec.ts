import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decider, type DeliveryInput, type DeliveryState } from '#libs/delivery';
import {
  analysed,
  applied,
  approval,
  aSpec,
  aStage,
  define,
  explicitRamp,
  harmful,
  logOf,
  minutes,
  operator,
  provenUpTo,
  SPLIT_IS_OFF,
  T0,
} from '#libs/testing/delivery';
import { INCIDENTS, ON_THE_BUS } from './incidents.js';

/** Names of the tests of a file, as they are written. */
function testsIn(file: string): ReadonlySet<string> {
  const source = readFileSync(file, 'utf8');
  const names = source.matchAll(/(?:\bit|\]\s*(?:as const)?,?\s*\))\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g);
  return new Set([...names].map(([, single, double]) => single ?? double ?? ''));
}

describe('what happened to others', () => {
  it('is told of thirty incidents, in order', () => {
    expect(INCIDENTS.map(({ number }) => number)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  it.each(INCIDENTS.map((one) => [`${one.number}: ${one.holds}`, one] as const))('%s', (_name, { protectedBy }) => {
    expect(protectedBy.length).toBeGreaterThan(0);
    expect(protectedBy.filter(([file, name]) => !testsIn(file).has(name))).toEqual([]);
  });

  it('is each played on the real bus, or says why none is involved', () => {
    const played = INCIDENTS.filter(({ number, protectedBy }) =>
      protectedBy.some(([file, name]) => file === ON_THE_BUS && name.startsWith(`${number}: `)),
    );
    expect(INCIDENTS.filter((one) => played.includes(one) === (one.withoutBus !== undefined))).toEqual([]);
    expect(testsIn(ON_THE_BUS).size).toBe(played.length);
    expect(readFileSync('test/integration/incident-stack.ts', 'utf8')).toContain("carrier: 'postgres'");
  });
});

const stateAfter = (...inputs: readonly DeliveryInput[]): DeliveryState =>
  logOf(...inputs).reduce(decider.evolve, decider.initialState);

describe('30: an end', () => {
  const ramp = explicitRamp(aStage(10_000), aStage(100_000, { approval: 'required' }), aStage(1_000_000));
  const proven = [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)];
  const begun = define(T0, aSpec({ ramp, deadlineMs: 600_000 }));
  const paths: readonly (readonly [string, readonly DeliveryInput[]])[] = [
    ['running', []],
    ['waiting for an approval', [analysed(minutes(1), proven)]],
    ['held', [analysed(minutes(1), [], { health: SPLIT_IS_OFF })]],
    ['paused', [operator('pause', minutes(1))]],
  ];
  const ends: readonly (readonly [string, DeliveryInput])[] = [
    ['harm', analysed(minutes(2), [harmful('alignment')])],
    ['an operator', operator('rollback', minutes(2))],
    ['a promotion by hand', operator('promote', minutes(2))],
  ];

  it('leaves nothing behind of the hold, the pause or the approval that was waited for', () => {
    for (const [, path] of paths)
      for (const [, end] of ends) {
        const ended = stateAfter(begun, ...path, end);
        expect(ended).toMatchObject({ awaitsApprovalOf: null, endedAtMs: minutes(2) });
        for (const left of ['heldAtMs', 'causes', 'pausedAtMs']) expect(ended).not.toHaveProperty(left);
      }
    expect(stateAfter(begun, operator('pause', minutes(1)), operator('rollback', minutes(2)))).toMatchObject({
      pausedMs: 60_000,
    });
  });

  it('of an attempt gives the next one nothing of it: no approval, no alert, no answer of a router, no pause', () => {
    const { command } = logOf(begun)[1] as { readonly command: { readonly commandId: string; readonly epoch: number } };
    const ended = [
      begun,
      applied(minutes(1), command),
      approval(minutes(1), 1),
      operator('pause', minutes(1)),
      operator('resume', minutes(2)),
      operator('rollback', minutes(3)),
    ];
    expect(stateAfter(...ended)).toMatchObject({ approvedStages: [1], pausedMs: 60_000 });
    expect(stateAfter(...ended, operator('new-attempt', minutes(4)))).toMatchObject({
      phase: 'running',
      revision: 2,
      approvedStages: [],
      awaitsApprovalOf: null,
      acknowledgements: {},
      alerts: [],
      pausedMs: 0,
      stage: 0,
      startedAtMs: minutes(4),
    });
  });
});
