import { expect, it } from 'vitest';
import { UnitCookie } from './unit-cookie.js';

const cookie = new UnitCookie('a-key-of-sixteen-characters');
const valueOf = (setCookie: string): string => setCookie.split(';', 1)[0] as string;

it('names who has no name, again and again, among other cookies', () => {
  const { unit, setCookie } = cookie.issue(false);
  expect(cookie.read(`a=b; ${valueOf(setCookie)}; c=d`)).toBe(unit);
  expect(setCookie).toMatch(/; HttpOnly; SameSite=Lax$/);
  expect(cookie.issue(true).setCookie).toMatch(/; Secure$/);
  expect(cookie.issue(false).unit).not.toBe(unit);
});

it('counts as none where it is forged or damaged, or signed with another key', () => {
  const { unit, setCookie } = cookie.issue(false);
  const signed = valueOf(setCookie);
  const other = cookie.issue(false).unit;
  for (const wrong of [
    undefined,
    '',
    signed.slice(0, -1),
    `${signed}x`,
    signed.replace(unit, other),
    signed.replace(unit, 'anna'),
    `teststrip-unit=${unit}`,
    `teststrip-unit=${unit}.`,
    `x${signed}`,
    valueOf(new UnitCookie('another-key-of-that-length').issue(false).setCookie),
  ]) {
    expect(cookie.read(wrong), wrong).toBeUndefined();
  }
});
