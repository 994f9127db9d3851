import { describe, expect, it } from 'vitest';
import { processorMsOf } from '#libs/testing/processor-time';
import { isNameless } from './unit-name.js';

describe('the name of a unit', () => {
  it.each([
    ':user_id',
    ':userId',
    ':current_userid_1',
    '${user.id}',
    '{{ user }}',
    '<%= id %>',
    '%s',
    '[object Object]',
  ])('%j is a place that nobody filled', (unit) => {
    expect(isNameless(unit)).toBe(true);
  });

  it.each(['user_id-7', ':user', ':user id', '::userid', 'u:userid', '${user', 'anna'])('%j is one', (unit) => {
    expect(isNameless(unit)).toBe(false);
  });

  it.each([
    ['user ids', `:${'userid'.repeat(17_000)}]`],
    ['openings', '${'.repeat(50_000)],
    ['blanks', `:${' '.repeat(100_000)}]`],
  ])('of 100,000 characters of %s is read at once', (_what, unit) => {
    expect(processorMsOf(() => isNameless(unit))).toBeLessThan(50);
  });
});
