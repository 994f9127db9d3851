import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { needsIdentities, needsIssuerSignIn, type Identities, type IssuerSignIn } from '#libs/platform';
import { startLocalIssuer, type LocalIssuer } from '#libs/testing/issuer';
import { SignInController } from './sign-in.controller.js';

const BACK_AT = 'http://127.0.0.1:8082/signed-in';

let issuer: LocalIssuer;
let identities: Identities;
let signIn: IssuerSignIn;
let controller: SignInController;

const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };
const waiting = { because: () => undefined, over: () => undefined, signal: new AbortController().signal };
const request = { clientId: 'test', logger: silent, waiting, opened: () => undefined };

beforeAll(async () => {
  issuer = await startLocalIssuer({ clientId: 'teststrip-page' });
  const environment = { OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'teststrip-page', OIDC_CLIENT_ID: 'teststrip-page' };
  identities = (await needsIdentities.open(environment, request)).resource;
  signIn = (await needsIssuerSignIn.open(environment, request)).resource!;
});
afterAll(() => issuer.close());
beforeEach(() => {
  issuer.signsIn({ sub: 'anna', teststrip: ['operator'] });
  controller = new SignInController(signIn, identities);
});

/** A browser goes to the issuer and comes back. */
async function comeBack(): Promise<{ readonly code: string; readonly verifier: string; readonly redirectUri: string }> {
  const { address } = await controller.way();
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(address!);
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const asked = { redirect_uri: BACK_AT, state: 'x', code_challenge: challenge, code_challenge_method: 'S256' };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  const { headers } = await fetch(url, { redirect: 'manual' });
  const back = new URL(headers.get('location')!);
  return { code: back.searchParams.get('code')!, verifier, redirectUri: BACK_AT };
}

function refusal(why: string): object {
  return { status: 403, response: { detail: expect.stringContaining(why) as string } };
}

describe('signing in at an issuer', () => {
  it('gives the token that names the person, with the roles that the issuer says', async () => {
    const { token } = await controller.exchange(await comeBack());
    const found = await identities.identify({ headers: { authorization: `Bearer ${token}` } });
    expect(found).toEqual({ name: 'anna', roles: { '*': 'operator' } });
  });

  it('gives nothing for a code that was used, or without the secret that belongs to it', async () => {
    const first = await comeBack();
    await controller.exchange(first);
    const refused = refusal('invalid_grant');
    await expect(controller.exchange(first)).rejects.toMatchObject(refused);
    const stolen = { ...(await comeBack()), verifier: 'v'.repeat(43) };
    await expect(controller.exchange(stolen)).rejects.toMatchObject(refused);
    const elsewhere = { ...(await comeBack()), redirectUri: 'http://127.0.0.1:8082/elsewhere' };
    await expect(controller.exchange(elsewhere)).rejects.toMatchObject(refused);
  });

  it('gives no token that counts for another service', async () => {
    issuer.signsIn({ sub: 'anna', aud: 'payroll' });
    const why = refusal('the token is for payroll');
    await expect(controller.exchange(await comeBack())).rejects.toMatchObject(why);
  });

  it('takes no other body', async () => {
    await expect(controller.exchange({ code: 'x', redirectUri: BACK_AT })).rejects.toMatchObject({ status: 422 });
    const more = { code: 'x', verifier: 'v'.repeat(43), redirectUri: BACK_AT, issuer: 'https://evil.example' };
    await expect(controller.exchange(more)).rejects.toMatchObject({ status: 422 });
  });

  it('is told to try again while the issuer is away, or too many come at once', async () => {
    const returned = await comeBack();
    const many = await Promise.allSettled(Array.from({ length: 40 }, () => controller.way()));
    expect(many.filter(({ status }) => status === 'rejected')).toHaveLength(24);
    issuer.setAway(true);
    try {
      await expect(controller.exchange(returned)).rejects.toMatchObject({ status: 503 });
      await expect(controller.way()).rejects.toMatchObject({ status: 503 });
    } finally {
      issuer.setAway(false);
    }
    expect((await controller.exchange(returned)).token).toMatch(/^ey/);
  });

  it('is not offered where nobody has said where', async () => {
    const without = new SignInController(undefined, identities);
    expect(await without.way()).toEqual({ issuer: null, address: null });
    await expect(without.exchange(await comeBack())).rejects.toMatchObject({ status: 404 });
    expect(() => needsIssuerSignIn.check({ OIDC_CLIENT_ID: 'teststrip-page' })).toThrow(/expected OIDC_ISSUER/);
  });
});
