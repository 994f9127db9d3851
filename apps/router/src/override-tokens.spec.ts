import { expect, it } from 'vitest';
import { overrideCheck, overrideToken } from './override-tokens.js';

const SECRET = 'a-secret-of-sixteen';
const WANTED = { service: 'images', override: 'candidate' };
const NOW = 1_764_230_400_000;
const check = overrideCheck(SECRET, () => NOW);

it('a token shows its variant of its service until it expires', () => {
  const token = overrideToken(SECRET, WANTED, NOW + 60_000);
  expect(check(token, WANTED)).toBe(true);
  expect(overrideCheck(SECRET, () => NOW + 59_000)(token, WANTED)).toBe(true);
  expect(overrideCheck(SECRET, () => NOW + 60_000)(token, WANTED)).toBe(false);
});

it.each([
  ['for another variant', overrideToken(SECRET, { ...WANTED, override: 'control' }, NOW + 60_000)],
  ['for another service', overrideToken(SECRET, { ...WANTED, service: 'upscale' }, NOW + 60_000)],
  ['signed with another secret', overrideToken('another-secret-of-20', WANTED, NOW + 60_000)],
  ['with a later end', overrideToken(SECRET, WANTED, NOW + 60_000).replace(/^\d+/, (at) => String(Number(at) + 1))],
  ['without a signature', `${NOW / 1_000 + 60}.`],
  ['that is a guess', 'another-secret-of-20'],
  ['that is empty', ''],
])('a token %s shows nothing', (_what, token) => {
  expect(check(token, WANTED)).toBe(false);
});

it('the secret itself shows everything, and without one nothing does', () => {
  expect(check(SECRET, WANTED)).toBe(true);
  expect(overrideCheck(undefined)(SECRET, WANTED)).toBe(false);
  expect(check(undefined, WANTED)).toBe(false);
});
