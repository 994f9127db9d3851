import { describe, expect, it } from 'vitest';
import { ClientLimit, USUAL_CLIENT_REQUESTS } from './client-limit.js';

describe('a client', () => {
  it('has its places back when its requests have ended', () => {
    const limit = new ClientLimit(1);
    const leave = limit.enter('192.0.2.1');
    expect(limit.enter('192.0.2.1')).toBeUndefined();
    expect(limit.enter('192.0.2.2')).toBeDefined();
    leave?.();
    expect(limit.enter('192.0.2.1')).toBeDefined();
  });

  it.each([
    ['is one with all addresses of its /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['is another one in another /64', '2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['is the same in both forms of its IPv4 address', '192.0.2.1', '::ffff:192.0.2.1', true],
    ['is another one with another IPv4 address in the form of IPv6', '::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
  ])('%s', (_what, one, other, isSame) => {
    const limit = new ClientLimit(1);
    limit.enter(one);
    expect(limit.enter(other) === undefined).toBe(isSame);
  });

  it('has a limit where nobody has set one, but for our own networks, where proxies speak for many', () => {
    const limit = new ClientLimit(undefined);
    const fill = (address: string): void => {
      for (let taken = 0; taken < USUAL_CLIENT_REQUESTS; taken += 1) limit.enter(address);
    };
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      fill(address);
      expect([address, limit.enter(address)]).toEqual([address, undefined]);
    }
    for (const address of [
      '127.0.0.1',
      '::1',
      '::ffff:10.1.1.1',
      '192.168.1.1',
      '172.20.0.1',
      'fd00::1',
      'fe80::1%eth0',
      'unknown',
    ]) {
      fill(address);
      expect([address, limit.enter(address)]).not.toEqual([address, undefined]);
    }
  });
});
