import { Body, Controller, Get, Header, HttpCode, Inject, Post } from '@nestjs/common';
import { CodeRefusedError, parseInput, ProblemException, type Identities, type IssuerSignIn } from '#libs/platform';
import { z } from 'zod';
import { IDENTITIES, ISSUER_SIGN_IN } from '../tokens.js';

export const signInBody = z
  .strictObject({
    code: z.string().min(1).max(4_096).meta({ description: 'What the issuer sent the browser back with.' }),
    verifier: z
      .string()
      .regex(/^[\w.~-]{43,128}$/, 'expected 43 to 128 letters, digits, "-", ".", "_" or "~"')
      .meta({ description: 'The secret whose hash the issuer was shown.', examples: ['v'.repeat(43)] }),
    redirectUri: z.url().max(2_048).meta({ description: 'Where the browser came back to.' }),
  })
  .meta({ id: 'SignIn' });

/** Anybody may ask: more at a time would have us ask the issuer for them. */
const MOST_UNDER_WAY = 16;

/**
 * Signing in at an OpenID Connect issuer. The tab that set out exchanges its code here and keeps the token, as a pasted one; no cookie is set, so there is
 * nothing that a browser would send on behalf of another site.
 */
@Controller('api/sign-in')
export class SignInController {
  private underWay = 0;

  constructor(
    @Inject(ISSUER_SIGN_IN) private readonly signIn: IssuerSignIn | undefined,
    @Inject(IDENTITIES) private readonly identities: Identities,
  ) {}

  /** Where a browser goes to sign in; null where people paste tokens. */
  @Get()
  @Header('cache-control', 'no-store')
  async way(): Promise<{ readonly issuer: string | null; readonly address: string | null }> {
    const { signIn } = this;
    if (signIn === undefined) return { issuer: null, address: null };
    return { issuer: signIn.issuer, address: await this.limited(() => signIn.address()) };
  }

  @Post()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async exchange(@Body() body: unknown): Promise<{ readonly token: string }> {
    const { signIn } = this;
    const returned = parseInput(signInBody, body, 'body');
    if (signIn === undefined) throw noIssuer();
    const tokens = await this.limited(() => signIn.tokensFor(returned));
    return { token: await this.acceptedOf(tokens) };
  }

  /** Some issuers' access tokens are for their own use, and the ID token names the person. */
  private async acceptedOf(tokens: readonly string[]): Promise<string> {
    let why = 'the issuer has given no token';
    for (const token of tokens) {
      const found = await this.identities.identify({ headers: { authorization: `Bearer ${token}` } });
      if (!('reason' in found)) return token;
      why = found.expected;
    }
    throw new ProblemException({ title: 'Not signed in', status: 403, detail: why });
  }

  private async limited<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (this.underWay >= MOST_UNDER_WAY) throw away('too many people sign in at once; try again');
    this.underWay += 1;
    try {
      return await ask();
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof CodeRefusedError)
        throw new ProblemException({ title: 'Not signed in', status: 403, detail: message });
      throw away(`the issuer can't be asked: ${message}`);
    } finally {
      this.underWay -= 1;
    }
  }
}

function noIssuer(): ProblemException {
  const detail = 'OIDC_CLIENT_ID=(not set): nobody signs in at an issuer here; expected a token';
  return new ProblemException({ title: 'No issuer', status: 404, detail });
}

function away(detail: string): ProblemException {
  return new ProblemException({ title: 'No sign-in now', status: 503, detail });
}
