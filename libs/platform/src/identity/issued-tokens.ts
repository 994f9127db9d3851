import { slug } from '#libs/contracts';
import type { TokenReader } from './identities.js';
import { looksLikeJwt, readJwt, TokenRefusedError, type Claims, type TokenRules } from './json-web-token.js';
import { EVERY_SERVICE, ROLES, role, type Identity, type Role } from './roles.js';

/** Control characters, halves of surrogate pairs, ends of lines, and what turns the direction of text. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

export interface IssuedTokenRules extends TokenRules {
  /** The claim with the roles, and that with the name for the audit log. */
  readonly rolesClaim: string;
  readonly nameClaim: string;
}

/** Tokens that an issuer gives out (OpenID Connect, any signed JWT). */
export function issuedTokenReader(rules: IssuedTokenRules): TokenReader {
  return async (token) => {
    if (!looksLikeJwt(token)) return undefined;
    try {
      return identityIn(await readJwt(token, rules), rules);
    } catch (error) {
      if (!(error instanceof TokenRefusedError)) throw error;
      return { reason: 'wrong-token', expected: error.message };
    }
  };
}

function identityIn(claims: Claims, { rolesClaim, nameClaim }: IssuedTokenRules): Identity {
  const name = claims[nameClaim];
  if (typeof name !== 'string' || name === '' || name.length > 200)
    throw new TokenRefusedError(`the token's claim "${nameClaim}" names nobody`);
  if (UNPRINTABLE.test(name))
    throw new TokenRefusedError(`the token's claim "${nameClaim}" has characters that no log can show`);
  return { name, roles: rolesIn(claims[rolesClaim]) };
}

/**
 * Roles as a claim says them: an object of roles by service, or a list of `operator` (on every service) and `text-to-image:operator`, as groups
 * are often given. What is neither, other groups for example, gives no role.
 */
export function rolesIn(claim: unknown): Readonly<Record<string, Role>> {
  const entries: readonly (readonly [string, unknown])[] =
    typeof claim === 'object' && claim !== null && !Array.isArray(claim)
      ? Object.entries(claim)
      : [claim].flat().flatMap((one) => (typeof one === 'string' ? [splitGroup(one)] : []));
  const roles = new Map<string, Role>();
  for (const [service, written] of entries) {
    const given = role.safeParse(written);
    if (!given.success || (service !== EVERY_SERVICE && !slug.safeParse(service).success)) continue;
    const before = roles.get(service);
    if (before === undefined || ROLES.indexOf(given.data) > ROLES.indexOf(before)) roles.set(service, given.data);
  }
  return Object.fromEntries(roles);
}

function splitGroup(group: string): readonly [string, string] {
  const at = group.lastIndexOf(':');
  return at === -1 ? [EVERY_SERVICE, group] : [group.slice(0, at), group.slice(at + 1)];
}
