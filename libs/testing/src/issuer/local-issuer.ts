import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** An OpenID Connect issuer on loopback, at which whoever comes is signed in at once. */
export interface LocalIssuer {
  readonly url: string;
  /** Who signs in from now on, by the claims of their ID token beside the usual ones. */
  signsIn(claims: Readonly<Record<string, unknown>>): void;
  /** Whether it answers at all. */
  setAway(isAway: boolean): void;
  close(): void;
}

interface Grant {
  readonly challenge: string;
  readonly redirectUri: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface LocalIssuerOptions {
  readonly clientId: string;
}

/**
 * Gives codes (`/authorize`), and an ID token for each of them once, to who has the secret that belongs to its challenge (`/token`). Its access tokens are nobody
 * else's to read, as many issuers' are.
 */
export async function startLocalIssuer({ clientId }: LocalIssuerOptions): Promise<LocalIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const grants = new Map<string, Grant>();
  let person: Readonly<Record<string, unknown>> = {};
  let isAway = false;
  const jwt = (claims: object): string => {
    const data = [{ alg: 'EdDSA', kid: 'local' }, claims].map(encoded).join('.');
    return `${data}.${sign(null, Buffer.from(data), privateKey).toString('base64url')}`;
  };
  const authorize = (asked: URLSearchParams, response: ServerResponse): void => {
    const redirectUri = asked.get('redirect_uri') ?? '';
    const isRight = asked.get('client_id') === clientId && asked.get('code_challenge_method') === 'S256';
    if (!isRight || asked.get('response_type') !== 'code') return answer(response, 400, { error: 'invalid_request' });
    const code = randomUUID();
    grants.set(code, { challenge: asked.get('code_challenge') ?? '', redirectUri, claims: person });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', asked.get('state') ?? '');
    response.writeHead(302, { location: back.href }).end();
  };
  const exchange = (form: URLSearchParams, response: ServerResponse): void => {
    const code = form.get('code') ?? '';
    const grant = grants.get(code);
    grants.delete(code);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isTheirs = grant?.challenge === challenge && grant.redirectUri === form.get('redirect_uri');
    if (!isTheirs || form.get('client_id') !== clientId) return answer(response, 400, { error: 'invalid_grant' });
    const exp = Math.floor(Date.now() / 1_000) + 300;
    const token = jwt({ iss: url, aud: clientId, exp, ...grant.claims });
    answer(response, 200, { access_token: randomUUID(), id_token: token, token_type: 'Bearer' });
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    if (isAway) return answer(response, 503, {});
    if (pathname === '/authorize') return authorize(searchParams, response);
    if (pathname === '/token') return exchange(new URLSearchParams(await text(request)), response);
    if (pathname === '/keys')
      return answer(response, 200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'local', use: 'sig' }] });
    answer(response, 200, {
      issuer: url,
      jwks_uri: `${url}/keys`,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
    });
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    signsIn: (claims) => (person = claims),
    setAway: (away) => (isAway = away),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
