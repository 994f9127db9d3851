import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { issuedTokenReader, rolesIn } from './issued-tokens.js';
import { KeySet } from './key-set.js';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const RSA: Pair = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const WEAK: Pair = generateKeyPairSync('rsa', { modulusLength: 1_024 });
const EC: Pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const ED: Pair = generateKeyPairSync('ed25519');
const NEXT: Pair = generateKeyPairSync('ed25519');

let issuer: Server;
let issuerUrl: string;
/** What the issuer publishes at present. */
let published: Readonly<Record<string, KeyObject>>;
let asked = 0;
let isDown = false;
let isSilent = false;

beforeAll(async () => {
  issuer = createServer((request, response) => {
    if (isSilent) return;
    if (isDown) return void response.writeHead(503).end();
    if (request.url === '/.well-known/openid-configuration')
      return void response.end(JSON.stringify({ issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` }));
    asked += 1;
    const keys = Object.entries(published).map(([kid, key]) => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' }));
    response.end(JSON.stringify({ keys: [...keys, { kty: 'oct', kid: 'shared', k: 'AAAA' }] }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
});
afterAll(() => {
  issuer.close();
  issuer.closeAllConnections();
});

const NOW_S = 1_790_000_000;
let monotonicMs = 0;
let read: ReturnType<typeof issuedTokenReader>;
let troubles: string[];
beforeEach(() => {
  published = { rsa: RSA.publicKey, ec: EC.publicKey, ed: ED.publicKey, weak: WEAK.publicKey };
  [asked, isDown, isSilent, monotonicMs, troubles] = [0, false, false, 0, []];
  read = issuedTokenReader({
    issuer: issuerUrl,
    audience: 'teststrip',
    keys: new KeySet({ issuer: issuerUrl, onTrouble: (told) => troubles.push(told), monotonicMs: () => monotonicMs }),
    nowMs: () => NOW_S * 1_000,
    rolesClaim: 'roles',
    nameClaim: 'sub',
  });
});

function claims(more: object = {}): object {
  return { iss: issuerUrl, sub: 'anna', aud: ['other', 'teststrip'], exp: NOW_S + 300, roles: ['viewer'], ...more };
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function jwt(
  { alg, kid, ...head }: Readonly<Record<string, unknown>>,
  body: object,
  signed: (data: Buffer) => Buffer,
): string {
  const data = `${encoded({ alg, ...(kid === undefined ? {} : { kid }), ...head })}.${encoded(body)}`;
  return `${data}.${signed(Buffer.from(data)).toString('base64url')}`;
}

const byEd = (data: Buffer): Buffer => sign(null, data, ED.privateKey);
const edToken = (body = claims(), head: object = {}): string => jwt({ alg: 'EdDSA', kid: 'ed', ...head }, body, byEd);

describe('a token of an issuer', () => {
  it.each([
    ['RS256', 'rsa', (data: Buffer) => sign('sha256', data, RSA.privateKey)],
    ['PS256', 'rsa', (data: Buffer) => sign('sha256', data, { key: RSA.privateKey, padding: 6, saltLength: 32 })],
    ['ES256', 'ec', (data: Buffer) => sign('sha256', data, { key: EC.privateKey, dsaEncoding: 'ieee-p1363' })],
    ['EdDSA', 'ed', byEd],
    ['EdDSA', undefined, byEd],
  ])('that is signed by %s (key %s) is whose it says', async (alg, kid, signed) => {
    expect(await read(jwt({ alg, kid }, claims(), signed))).toEqual({ name: 'anna', roles: { '*': 'viewer' } });
  });

  it('that is none is nothing to it', async () => {
    expect(await read('teststrip_abc')).toBeUndefined();
  });

  const publicPem = RSA.publicKey.export({ type: 'spki', format: 'pem' });
  it.each([
    ['none', () => jwt({ alg: 'none' }, claims(), () => Buffer.alloc(0)), /signed by "none"/],
    ['None', () => jwt({ alg: 'None' }, claims(), () => Buffer.alloc(0)), /signed by "None"/],
    [
      'the public key as a shared secret',
      () =>
        jwt({ alg: 'HS256', kid: 'rsa' }, claims(), (data) => createHmac('sha256', publicPem).update(data).digest()),
      /signed by "HS256"/,
    ],
    ['a name of an object', () => edToken(claims(), { alg: 'constructor' }), /signed by "constructor"/],
    ['another kind of key', () => edToken(claims(), { kid: 'rsa' }), /no key of .* has signed/],
    [
      'a key that is too short',
      () => jwt({ alg: 'RS256', kid: 'weak' }, claims(), (data) => sign('sha256', data, WEAK.privateKey)),
      /no key/,
    ],
    [
      'somebody else',
      () => jwt({ alg: 'EdDSA', kid: 'ed' }, claims(), (data) => sign(null, data, NEXT.privateKey)),
      /no key/,
    ],
    ['a key of an unknown name', () => edToken(claims(), { kid: 'nobody' }), /no key/],
    ['the issuer, with an extension', () => edToken(claims(), { crit: ['exp'] }), /crit/],
  ])('that is signed by %s is refused', async (_who, token, message) => {
    expect(await read(token())).toEqual({ reason: 'wrong-token', expected: expect.stringMatching(message) });
  });

  it.each([
    ['for somebody else', { aud: 'another' }, /is for another: expected teststrip/],
    ['of another issuer', { iss: 'https://evil.example' }, /is from https:\/\/evil\.example/],
    ['that has expired', { exp: NOW_S - 61 }, /has expired 61 s ago/],
    ['that never expires', { exp: undefined }, /body can't be read: exp/],
    ['that is not valid yet', { nbf: NOW_S + 61 }, /not valid yet/],
    ['whose name would write lines of its own', { sub: 'anna\nroot' }, /no log can show/],
    ['whose name no database keeps', { sub: 'anna\u0000' }, /no log can show/],
    ['of nobody', { sub: '' }, /body can't be read: sub/],
  ])('%s is refused', async (_what, more, message) => {
    expect(await read(edToken(claims(more)))).toEqual({
      reason: 'wrong-token',
      expected: expect.stringMatching(message),
    });
  });

  it('that was changed after it was signed is refused', async () => {
    const [head, , signature] = edToken().split('.');
    const forged = [head, encoded(claims({ roles: ['admin'] })), signature].join('.');
    expect(await read(forged)).toMatchObject({ reason: 'wrong-token' });
  });
});

describe('the keys of an issuer', () => {
  it('are asked for once, and again for a new one, but not for every made-up one', async () => {
    await Promise.all([read(edToken()), read(edToken())]);
    await read(edToken());
    expect(asked).toBe(1);
    published = { next: NEXT.publicKey };
    const next = jwt({ alg: 'EdDSA', kid: 'next' }, claims(), (data) => sign(null, data, NEXT.privateKey));
    expect(await read(next), 'just asked').toMatchObject({ reason: 'wrong-token' });
    monotonicMs += 10_000;
    expect(await read(next)).toMatchObject({ name: 'anna' });
    expect(await read(edToken()), 'a key that was taken back').toMatchObject({ reason: 'wrong-token' });
    for (let attempt = 0; attempt < 5; attempt += 1) await read(edToken(claims(), { kid: `made-up-${attempt}` }));
    expect(asked).toBe(2);
  });

  it('go on counting while the issuer is away, which is told', async () => {
    await read(edToken());
    isDown = true;
    monotonicMs += 3_600_000;
    expect(await read(edToken())).toMatchObject({ name: 'anna' });
    expect(troubles).toEqual([expect.stringMatching(/can't be read: .* answered 503/)]);
  });

  it('are waited for a moment at most where they are known, however long the issuer takes', async () => {
    await read(edToken());
    isSilent = true;
    monotonicMs += 3_600_000;
    const begunMs = performance.now();
    expect(await read(edToken())).toMatchObject({ name: 'anna' });
    expect(performance.now() - begunMs).toBeLessThan(3_000);
  });

  it('are not read from an answer that is no list of keys, however long', async () => {
    published = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, ED.publicKey]));
    expect(await read(edToken())).toMatchObject({ reason: 'wrong-token' });
    expect(troubles).toEqual([expect.stringMatching(/answered more than 1048576 bytes/)]);
  });
});

describe('roles in a claim', () => {
  it.each([
    [['operator'], { '*': 'operator' }],
    ['admin', { '*': 'admin' }],
    [['text-to-image:operator', 'text-to-image:viewer', 'staff', 'a:b:admin'], { 'text-to-image': 'operator' }],
    [
      { upscale: 'admin', other: 'boss', '*': 'viewer' },
      { upscale: 'admin', '*': 'viewer' },
    ],
    [undefined, {}],
    [[{ admin: true }, 7, null], {}],
  ])('%j are %j', (claim, roles) => {
    expect(rolesIn(claim)).toEqual(roles);
  });
});
