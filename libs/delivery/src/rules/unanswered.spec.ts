import { describe, expect, it } from 'vitest';
import { analysed, aSpec, define, logOf, minutes, provenUpTo, T0 } from '#libs/testing/delivery';
import type { DeliveryInput } from '../inputs.js';
import { unansweredOf, type OpenOfVariants } from './unanswered.js';

const spec = aSpec();
const weightsPpm = { control: 800_000, candidate: 200_000 };
const of = (candidate: readonly number[], control: readonly number[] = [], requests = 1_000) =>
  unansweredOf({ spec, weightsPpm, requests: { control: 4 * requests, candidate: requests } }, { candidate, control });

const typesOf = (...inputs: readonly DeliveryInput[]): readonly string[] => logOf(...inputs).map(({ type }) => type);

describe('requests without an end', () => {
  it('are no matter where control has as many for its share, or few are open, or routers say nothing', () => {
    expect(of([50, 20, 10], [200, 80, 40])).toBeNull();
    // Twice as many, one standard error beyond, and one in a thousand of the candidate's requests.
    expect(of([112, 20, 10], [200, 80, 40])).toBeNull();
    expect(of([116, 20, 10], [200, 80, 40])).not.toBeNull();
    expect(of([2, 2])).toBeNull();
    expect(of([3, 3])).not.toBeNull();
    expect(unansweredOf({ spec, weightsPpm, requests: { candidate: 1_000 } }, undefined)).toBeNull();
    expect(of([])).toBeNull();
  });

  it('of a candidate that hangs are told, by the age at which most are beyond what control has', () => {
    expect(of([40, 38, 30, 20], [80, 2, 0, 0])).toEqual({
      candidate: 'candidate',
      requests: 38,
      seconds: 2,
      expected: 0.5,
    });
    // As many are few of 40,000 requests.
    expect(of([40, 38, 30, 20], [80, 2, 0, 0], 40_000)).toBeNull();
  });

  it('keep its share from rising, and nothing from falling', () => {
    const proven = [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)];
    const at = (minute: number, underWay?: OpenOfVariants) => ({ ...analysed(minutes(minute), proven), underWay });
    const hanging = { candidate: [900, 900, 900, 900], control: [0, 0, 0, 0] };
    expect(typesOf(define(T0, spec), at(1))).toContain('promoted');
    expect(typesOf(define(T0, spec), at(1, hanging))).not.toContain('promoted');
    expect(typesOf(define(T0, spec), at(1, hanging), at(2, { control: [3] }))).toContain('promoted');
  });
});
