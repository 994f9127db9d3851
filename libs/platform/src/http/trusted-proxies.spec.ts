import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { TrustedProxies } from './trusted-proxies.js';

const proxies = new TrustedProxies([
  { address: '10.0.0.0', bits: 8 },
  { address: '::1', bits: 128 },
]);

function from(remoteAddress: string, forwardedFor?: string): IncomingMessage {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

it.each([
  ['who connects', from('192.0.2.1', '1.2.3.4'), '192.0.2.1'],
  ['whom a trusted proxy names', from('10.1.1.1', '1.2.3.4'), '1.2.3.4'],
  [
    'the last that is no proxy: what is before it anybody may have written',
    from('::1', '6.6.6.6, 1.2.3.4, 10.2.2.2'),
    '1.2.3.4',
  ],
  ['an IPv4 proxy also where it is written as IPv6', from('::ffff:10.1.1.1', '1.2.3.4'), '1.2.3.4'],
  ['without the port that a proxy says as well', from('10.1.1.1', '1.2.3.4:4711, 10.2.2.2:80'), '1.2.3.4'],
  ['also an IPv6 one with a port', from('10.1.1.1', '[2001:db8::1]:4711'), '2001:db8::1'],
  ['the proxy where it names nobody', from('10.1.1.1'), '10.1.1.1'],
  ['the proxy where it names no address', from('10.1.1.1', '1.2.3.4, unknown'), '10.1.1.1'],
])('the client is %s', (_what, request, client) => {
  expect(proxies.clientOf(request)).toBe(client);
});

it('without any, nobody is trusted', () => {
  expect(new TrustedProxies([]).sent(from('127.0.0.1'))).toBe(false);
});
