import { describe, expect, it } from 'vitest';
import { approval, aSpec, aStage, define, explicitRamp, logOf, minutes } from '#libs/testing/delivery';
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
});
