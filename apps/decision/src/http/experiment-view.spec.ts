import { describe, expect, it } from 'vitest';
import { rebuild, type DefinedState, type DeliveryInput } from '#libs/delivery';
import { analysed, aShadow, aSpec, define, logOf, minutes, operator, somePairs, T0 } from '#libs/testing/delivery';
import { viewOf } from './experiment-view.js';

const after = (...inputs: DeliveryInput[]) =>
  viewOf(rebuild(logOf(...inputs)) as DefinedState, {
    effectOf: () => null,
    parkedAs: () => undefined,
    unansweredIn: () => null,
  });

describe('an experiment, as the API shows it', () => {
  it('is in no stage where a shadow was all, also after its end', () => {
    const shadow = define(T0, aSpec(aShadow({ only: true })));
    const passed = analysed(minutes(1), [], { pairs: [somePairs(350, 200_000)] });
    expect(after(shadow)).toMatchObject({ phase: 'running', stage: null, shadow: { only: true } });
    expect(after(shadow, passed)).toMatchObject({ phase: 'concluded', stage: null, shadow: null });
    expect(after(shadow, operator('rollback', minutes(1)))).toMatchObject({ phase: 'rolled-back', stage: null });
    expect(after(define(T0), operator('rollback', minutes(1)))).toMatchObject({ stage: { index: 0 } });
  });

  it('names who has won, also where a person chose it', () => {
    const { control, candidate } = aSpec().variants as Record<
      'control' | 'candidate',
      { upstream: string; config: never }
    >;
    const test = aSpec({ kind: 'ab', variants: { control, a: candidate, b: candidate } });
    const chosen = { ...operator('promote', minutes(1)), variant: 'b' };
    expect(after(define(T0, test), chosen)).toMatchObject({ phase: 'promoted', winner: 'b' });
    expect(after(define(T0, test))).toMatchObject({ winner: null });
    expect(after(define(T0), operator('promote', minutes(1)))).toMatchObject({ winner: 'candidate' });
  });
});
