import { constants, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { IssuerKey, KeySet } from './key-set.js';

/** What a token has to say. */
export interface TokenRules {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: Pick<KeySet, 'find'>;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

export type Claims = Readonly<Record<string, unknown>>;

/** Why a token is not taken, in words for whoever sent it. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError';
}

/** Clocks of issuer and service may differ by this much. */
const LEEWAY_S = 60;
/** Longer ones are no tokens. */
const MOST_LETTERS = 16_384;

/**
 * The algorithms that are understood, each with the kind of key that it needs. Shared secrets (HS256) and `none` are not among them, so that nobody
 * can sign with what is public.
 */
const ALGORITHMS: Readonly<Record<string, (data: Buffer, key: KeyObject, signature: Buffer) => boolean>> = {
  RS256: (data, key, signature) => isRsa(key) && verify('sha256', data, key, signature),
  PS256: (data, key, signature) =>
    isRsa(key) && verify('sha256', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature),
  ES256: (data, key, signature) =>
    key.asymmetricKeyType === 'ec' &&
    key.asymmetricKeyDetails?.namedCurve === 'prime256v1' &&
    verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature),
  EdDSA: (data, key, signature) => key.asymmetricKeyType === 'ed25519' && verify(null, data, key, signature),
};

function isRsa(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2_048;
}

const tokenHeader = z.looseObject({ alg: z.string(), kid: z.string().optional(), crit: z.unknown().optional() });
const registered = z.looseObject({
  iss: z.string(),
  sub: z.string().min(1).max(200),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
  nbf: z.number().optional(),
});

/** Whether a text looks like a signed JSON Web Token. */
export function looksLikeJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/**
 * The claims of a signed JSON Web Token (RFC 7519) that an issuer has given for this audience and that is valid now.
 * @throws TokenRefusedError that says what is wrong with it
 */
export async function readJwt(token: string, rules: TokenRules): Promise<Claims> {
  if (token.length > MOST_LETTERS) throw new TokenRefusedError(`the token is longer than ${MOST_LETTERS} characters`);
  const [head = '', body = '', signature = ''] = token.split('.');
  const { alg, kid, crit } = parsed(tokenHeader, head, 'head');
  const isSigned = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg] : undefined;
  if (!isSigned)
    throw new TokenRefusedError(`the token is signed by "${alg}": expected ${Object.keys(ALGORITHMS).join(', ')}`);
  // Whatever it is that has to be understood, it is not.
  if (crit !== undefined) throw new TokenRefusedError('the token asks for extensions (crit) that are not understood');
  const keys = (await rules.keys.find(kid)).filter((key) => key.alg === undefined || key.alg === alg);
  const data = Buffer.from(`${head}.${body}`);
  const given = Buffer.from(signature, 'base64url');
  if (!keys.some(({ key }: IssuerKey) => isSigned(data, key, given)))
    throw new TokenRefusedError(`no key of ${rules.issuer} has signed the token`);
  const claims = parsed(registered, body, 'body');
  refuseForeign(claims, rules);
  return claims;
}

function refuseForeign({ iss, aud, exp, nbf = 0 }: z.output<typeof registered>, rules: TokenRules): void {
  const nowS = rules.nowMs() / 1_000;
  if (iss !== rules.issuer) throw new TokenRefusedError(`the token is from ${iss}: expected ${rules.issuer}`);
  if (![aud].flat().includes(rules.audience))
    throw new TokenRefusedError(`the token is for ${[aud].flat().join(', ')}: expected ${rules.audience}`);
  if (exp + LEEWAY_S <= nowS) throw new TokenRefusedError(`the token has expired ${Math.round(nowS - exp)} s ago`);
  if (nbf - LEEWAY_S > nowS) throw new TokenRefusedError('the token is not valid yet');
}

function parsed<Schema extends z.ZodType>(schema: Schema, part: string, what: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
  } catch (error) {
    const detail = error instanceof z.ZodError ? error.issues.map(({ path }) => path.join('.')).join(', ') : 'no JSON';
    throw new TokenRefusedError(`the token's ${what} can't be read: ${detail}`);
  }
}
