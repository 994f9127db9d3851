import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { foreignRequest, type BrowserRules } from './foreign-request.js';

const LOCAL: BrowserRules = { host: '127.0.0.1', allowedHosts: [] };
const OPEN: BrowserRules = { host: '0.0.0.0', allowedHosts: [] };
const LISTED: BrowserRules = { host: '0.0.0.0', allowedHosts: ['teststrip.example', 'ops.example:8443'] };

function titleOf(method: string, headers: Readonly<Record<string, string>>, rules: BrowserRules): string | undefined {
  let isReadAway = false;
  const request = { method, headers, resume: () => (isReadAway = true) } as unknown as IncomingMessage;
  const refusal = foreignRequest(request, rules);
  expect(isReadAway, 'a body that nobody reads keeps the connection from going on').toBe(refusal !== undefined);
  return (refusal?.getResponse() as { readonly title: string } | undefined)?.title;
}

describe('the name that a server is asked for', () => {
  it.each([
    ['127.0.0.1:8081', LOCAL],
    ['localhost:8081', LOCAL],
    ['LOCALHOST', LOCAL],
    ['[::1]:8081', LOCAL],
    ['192.168.0.7', LOCAL],
    ['any.example', OPEN],
    ['teststrip.example', LISTED],
    ['Teststrip.example:8081', LISTED],
    ['ops.example:8443', LISTED],
  ])('%s is ours', (host, rules) => {
    expect(titleOf('GET', { host }, rules)).toBeUndefined();
  });

  it.each([
    ['rebound.example:8081', LOCAL],
    ['localhost.rebound.example', LOCAL],
    ['127.0.0.1.rebound.example', LOCAL],
    ['other.example', LISTED],
    ['ops.example:9000', LISTED],
    ['sub.teststrip.example', LISTED],
  ])('%s is none of ours, for reads either', (host, rules) => {
    expect(titleOf('GET', { host }, rules)).toBe('Another host');
  });
});

describe('a change that a browser sends', () => {
  const host = 'localhost:8082';

  it.each([
    ['of our own page', { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }],
    ['of our own page behind TLS', { origin: `https://${host}` }],
    ['of somebody who types an address', { 'sec-fetch-site': 'none' }],
    ['of our own page without an origin', { 'sec-fetch-site': 'same-origin' }],
    ['of no browser', {}],
  ])('%s is taken', (_who, headers) => {
    expect(titleOf('POST', { host, ...headers }, LOCAL)).toBeUndefined();
  });

  it.each([
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['of another site in an old browser', { origin: 'https://evil.example' }],
    ['of another site without an origin', { 'sec-fetch-site': 'cross-site' }],
    ['of a neighbour on the same site', { 'sec-fetch-site': 'same-site' }],
    ['of another port of this machine', { origin: 'http://localhost:3000' }],
    ['of a file or a frame that has no origin', { origin: 'null' }],
    ['whose origin only begins like ours', { origin: `http://${host}.evil.example` }],
    ['whose origin is of another scheme', { origin: `ftp://${host}` }],
  ])('%s is refused, and its body read away', (_who, headers) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      expect(titleOf(method, { host, ...headers }, LOCAL), method).toBe('Sent by another site');
    expect(titleOf('GET', { host, ...headers }, LOCAL), 'a read').toBeUndefined();
  });

  it('comes from every host that is ours', () => {
    const headers = { host: 'teststrip.example', origin: 'https://ops.example:8443' };
    expect(titleOf('POST', headers, LISTED)).toBeUndefined();
    expect(titleOf('POST', { ...headers, origin: 'https://ops.example' }, LISTED)).toBe('Sent by another site');
  });
});
