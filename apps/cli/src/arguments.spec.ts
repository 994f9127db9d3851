import { describe, expect, it } from 'vitest';
import { positiveArgument, scenarioArgument, secondsArgument, seedArgument, seedsArgument } from './arguments.js';

describe('arguments of the command line', () => {
  it('name the scenarios there are, and the nearest one', () => {
    expect(scenarioArgument('slow').name).toBe('slow');
    expect(() => scenarioArgument('wrong-atribute')).toThrow(
      'There is no scenario "wrong-atribute". Did you mean wrong-attribute? There are: good-canary, wrong-attribute,',
    );
  });

  it('read seeds as numbers and ranges, and refuse what is neither', () => {
    expect(seedsArgument('1-3,7')).toEqual([1, 2, 3, 7]);
    for (const text of ['5-1', 'one', ''])
      expect(() => seedsArgument(text)).toThrow('expected a whole number, or a range');
  });

  it('say what was expected of a number', () => {
    expect(() => seedArgument('1.5')).toThrow('"1.5": expected a whole number from 0 up');
    expect(() => positiveArgument('0')).toThrow('"0": expected a number above 0');
    expect(() => secondsArgument('soon')).toThrow('"soon": expected seconds, 0 or more');
    expect(secondsArgument('0')).toBe(0);
  });
});
