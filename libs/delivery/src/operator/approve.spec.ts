import { describe, expect, it } from 'vitest';
import {
  analysed,
  approval,
  aSpec,
  aStage,
  define,
  explicitRamp,
  logOf,
  minutes,
  provenUpTo,
} from '#libs/testing/delivery';
import type { ExperimentSpec } from '#libs/contracts';
import { decider } from '../decider.js';
import type { DeliveryInput } from '../inputs.js';
import { initialState } from '../state.js';

const another = { approval: 'required', approvedBy: 'another' } as const;
const asking = (more: Partial<ExperimentSpec> = {}): ExperimentSpec =>
  aSpec({ ramp: explicitRamp(aStage(10_000, another), aStage(1_000_000, { approval: 'required' })), ...more });
const by = <Input extends DeliveryInput>(actor: string, input: Input): Input => ({ ...input, actor });

/** Types of the events that an approval leads to. */
function approvedBy(actor: string, stage: number, ...before: readonly DeliveryInput[]): readonly string[] {
  const state = logOf(...before).reduce(decider.evolve, initialState);
  return decider.decide(state, by(actor, approval(minutes(9), stage))).map(({ type }) => type);
}

describe('a stage that asks for the approval of another', () => {
  const applied = by('ana', define(minutes(0), asking()));
  const changed = by('ben', define(minutes(1), asking({ deadlineMs: 48 * 3_600_000 })));

  it('takes none of who applied the file, or changed its policy since', () => {
    const message = /ana has applied revision 1 of .*: the stage of 1 % asks for the approval of somebody else/;
    expect(() => approvedBy('ana', 0, applied)).toThrow(message);
    expect(() => approvedBy('ana', 0, applied, changed)).toThrow(message);
    expect(() => approvedBy('ben', 0, applied, changed)).toThrow(/ben has applied/);
  });

  it('takes that of somebody else', () => {
    expect(approvedBy('ben', 0, applied)).toEqual(['approved', 'started']);
    expect(approvedBy('cleo', 0, applied, changed)).toEqual(['approved', 'started']);
  });

  it('says nothing about other stages', () => {
    expect(approvedBy('ana', 1, applied)).toEqual(['approved']);
  });

  it('has to be given again where the policy is changed after it was given, the others not', () => {
    const stages = [aStage(10_000), aStage(100_000, another), aStage(1_000_000, { approval: 'required' })];
    const asking3 = (more: Partial<ExperimentSpec> = {}) => aSpec({ ramp: explicitRamp(...stages), ...more });
    const before = [
      by('ana', define(minutes(0), asking3())),
      by('ben', approval(minutes(1), 1)),
      by('ana', approval(minutes(1), 2)),
    ];
    const log = logOf(...before, by('ana', define(minutes(2), asking3({ deadlineMs: 48 * 3_600_000 }))));
    const state = log.reduce(decider.evolve, initialState);
    expect(state).toMatchObject({ policy: 1, approvedStages: [2] });
    expect(log.at(-1)).toMatchObject({
      type: 'policy-changed',
      lapsed: [1],
      note: expect.stringMatching(/; what was approved was another policy: 10 % has to be approved again$/) as unknown,
    });
    const proven = analysed(minutes(3), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)]);
    const { policy } = state as { readonly policy: number };
    const ofPolicy = { ...proven, analysis: { ...proven.analysis, policy } };
    expect(decider.decide(state, ofPolicy).map(({ type }) => type)).toEqual(['approval-awaited']);
    expect(() => decider.decide(state, by('ana', approval(minutes(4), 1)))).toThrow(/ana has applied/);
    expect(decider.decide(state, by('ben', approval(minutes(4), 1)))).toMatchObject([{ type: 'approved', stage: 1 }]);
    // What has begun is not taken back.
    const climbed = logOf(...before, proven, by('ana', define(minutes(4), asking3({ deadlineMs: 48 * 3_600_000 }))));
    expect(climbed.at(-1)).not.toHaveProperty('lapsed');
  });
});
