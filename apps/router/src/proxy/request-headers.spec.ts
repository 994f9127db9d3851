import { describe, expect, it } from 'vitest';
import { unitOf } from './request-headers.js';

const names = { user: 'teststrip-unit', session: 'teststrip-session' };

describe('the unit of a request', () => {
  it('is the user, else the session, else the request itself', () => {
    const both = { 'teststrip-unit': 'anna', 'teststrip-session': 's1' };
    expect(unitOf(both, 'user', 'r1', names)).toEqual({ unit: 'anna', name: 'named' });
    expect(unitOf(both, 'session', 'r1', names)).toEqual({ unit: 's1', name: 'named' });
    expect(unitOf({ 'teststrip-session': 's1' }, 'user', 'r1', names)).toEqual({ unit: 's1', name: 'named' });
    expect(unitOf({}, 'user', 'r1', names)).toEqual({ unit: 'r1', name: 'missing' });
    expect(unitOf(both, 'request', 'r1', names)).toEqual({ unit: 'r1', name: 'named' });
  });

  it.each(['undefined', 'null', 'NaN', '[object Object]', ' ', '${userId}'])(
    'is nobody’s where the header says "%s": the session then, or the request itself',
    (user) => {
      expect(unitOf({ 'teststrip-unit': user }, 'user', 'r1', names)).toEqual({ unit: 'r1', name: 'meaningless' });
      const withSession = { 'teststrip-unit': user, 'teststrip-session': 's1' };
      expect(unitOf(withSession, 'user', 'r1', names)).toEqual({ unit: 's1', name: 'named' });
    },
  );

  it('keeps long names apart that begin alike', () => {
    const [a, b] = ['a', 'b'].map((end) => unitOf({ 'teststrip-unit': 'u'.repeat(300) + end }, 'user', 'r1', names));
    expect(a?.unit).not.toBe(b?.unit);
    expect(a?.unit.length).toBeLessThanOrEqual(256);
  });
});
