import { z } from 'zod';
import { defineNeed } from '../app/need.js';
import { documented, variables } from '../configuration/variables.js';
import { askIssuer, describeIssuer } from './issuer-description.js';
import { issuerVariables } from './issuer-variables.js';

/** What came back with a browser from the issuer, and what it set out with. */
export interface ReturnedCode {
  readonly code: string;
  /** The secret whose hash the issuer was shown (PKCE, RFC 7636). */
  readonly verifier: string;
  /** Where the browser came back to; the issuer compares it. */
  readonly redirectUri: string;
}

/** People sign in at an OpenID Connect issuer: authorization code with PKCE. */
export interface IssuerSignIn {
  readonly issuer: string;
  /**
   * Where a browser goes; it adds `redirect_uri`, `state` and its challenge.
   * @throws Error where the issuer does not answer, or says nothing of signing in
   */
  address(): Promise<string>;
  /**
   * What the issuer gives for a code: an access token, an ID token, or both.
   * @throws CodeRefusedError
   * @throws Error where the issuer does not answer
   */
  tokensFor(returned: ReturnedCode): Promise<readonly string[]>;
}

/** The issuer gives nothing for a code: it was used, is too old, or is another browser's. */
export class CodeRefusedError extends Error {
  override readonly name = 'CodeRefusedError';
}

const signInVariables = {
  OIDC_ISSUER: issuerVariables.OIDC_ISSUER,
  OIDC_CLIENT_ID: documented(
    variables.text.optional(),
    'Name under which the issuer knows the live page, for people to sign in there; its redirect address is `/signed-in` of the page.',
    { defaultIs: 'people paste tokens' },
  ),
  OIDC_CLIENT_SECRET: documented(
    variables.text.optional(),
    'Its secret, where the issuer has given it one; a public client has none, since each sign-in has a secret of its own (PKCE).',
    { secret: true, defaultIs: 'none' },
  ),
  OIDC_SCOPE: documented(variables.text.default('openid'), 'Scopes that are asked for at a sign-in.'),
};

type SignInSettings = z.output<z.ZodObject<typeof signInVariables>>;

/** undefined where nobody signs in at an issuer. */
export const needsIssuerSignIn = defineNeed<typeof signInVariables, IssuerSignIn | undefined>({
  name: 'sign-in',
  title: 'Sign-in on the page',
  variables: signInVariables,
  problems({ OIDC_ISSUER, OIDC_CLIENT_ID }) {
    const isIdle = OIDC_CLIENT_ID !== undefined && OIDC_ISSUER === undefined;
    return isIdle ? ['OIDC_CLIENT_ID: nobody knows where to sign in; expected OIDC_ISSUER'] : [];
  },
  open: (settings) => Promise.resolve({ resource: issuerSignIn(settings) }),
});

function issuerSignIn(settings: SignInSettings): IssuerSignIn | undefined {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: secret, OIDC_SCOPE: scope } = settings;
  if (issuer === undefined || clientId === undefined) return undefined;
  return {
    issuer,
    async address() {
      const { authorization_endpoint: endpoint } = await describeIssuer(issuer);
      if (endpoint === undefined) throw new Error(`${issuer} says nowhere where people sign in`);
      const url = new URL(endpoint);
      for (const [name, value] of Object.entries({ response_type: 'code', client_id: clientId, scope }))
        url.searchParams.set(name, value);
      return url.href;
    },
    async tokensFor({ code, verifier, redirectUri }) {
      const { token_endpoint: endpoint } = await describeIssuer(issuer);
      if (endpoint === undefined) throw new Error(`${issuer} says nowhere where codes are exchanged`);
      const form = new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: clientId,
        ...(secret === undefined ? {} : { client_secret: secret }),
        code,
        code_verifier: verifier,
        redirect_uri: redirectUri,
      });
      return tokensIn(issuer, await askIssuer(endpoint, form));
    },
  };
}

const given = z.object({ access_token: z.string().optional(), id_token: z.string().optional() });
const refused = z.object({ error: z.string().regex(/^[\w-]{1,60}$/) });

function tokensIn(issuer: string, { status, body }: Awaited<ReturnType<typeof askIssuer>>): readonly string[] {
  const tokens = status === 200 ? given.safeParse(body) : undefined;
  if (tokens?.success) return [tokens.data.access_token, tokens.data.id_token].filter((one) => one !== undefined);
  if (status >= 500) throw new Error(`${issuer} answered ${status}`);
  const why = refused.safeParse(body);
  throw new CodeRefusedError(`${issuer} gives nothing for it: ${why.success ? why.data.error : `status ${status}`}`);
}
