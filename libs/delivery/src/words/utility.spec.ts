import { describe, expect, it } from 'vitest';
import { aUtility } from '#libs/testing/delivery';
import { utilityMessage } from './utility.js';

describe('what is said of the objectives', () => {
  it('gives estimate, interval and gains with their signs', () => {
    expect(utilityMessage(aUtility('b', 0.021, 0.104), 'control', 0.01)).toBe(
      'utility +6.25 % against control (+2.1 % … +10.4 %), from quality +6.25 %; less than 1 % would not matter',
    );
    expect(utilityMessage(aUtility('b', -0.04, 0.01), 'control', 0.01)).toMatch(
      /^utility −1\.5 % against control \(−4 % … \+1 %\)/,
    );
  });

  it('gives gains in percentage points where control’s share is 0', () => {
    const { gains, ...rest } = aUtility('b', 0.012, 0.032);
    const inPoints = { ...rest, gains: gains.map((gain) => ({ ...gain, isPoints: true as const })) };
    expect(utilityMessage(inPoints, 'control', 0.01)).toBe(
      'utility +2.2 percentage points against control (+1.2 percentage points … +3.2 percentage points), from quality +2.2 percentage points; less than 1 percentage point would not matter',
    );
    const mixed = { ...rest, gains: [...gains, ...inPoints.gains] };
    expect(utilityMessage(mixed, 'control', 0.01)).toMatch(/^utility \+2\.2 % .*, quality \+2\.2 percentage points;/);
  });
});
