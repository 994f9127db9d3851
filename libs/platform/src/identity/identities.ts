import type { IncomingMessage } from 'node:http';
import { bearerTokenOf, hashOfToken } from './bearer-token.js';
import type { IdentitiesFile } from './identities-file.js';
import type { OperatorToken } from './operator-token.js';
import { EVERY_SERVICE, type Identity, type Role } from './roles.js';

/** Why a request is nobody's. */
export interface Unidentified {
  readonly reason: 'no-token' | 'wrong-token';
  /** What would be right, for people. */
  readonly expected: string;
}

/** Who sends a request. */
export interface Identities {
  identify(request: Pick<IncomingMessage, 'headers'>): Promise<Identity | Unidentified>;
  /** May read without a token; undefined where reading needs one. */
  readonly reader: Identity | undefined;
  /** Where the token is that this installation has made itself; undefined where there are identities. */
  readonly operatorTokenFile?: string | undefined;
}

/** `AUTH=off`: everybody may do everything, and says in the body who they are. */
export const everybody: Identities = {
  identify: () => Promise.resolve({ name: null, roles: { '*': 'admin' } }),
  reader: { name: null, roles: { '*': 'admin' } },
};

/** A service's own way to tell who has a token, a JWT for example; undefined: it knows nothing of it. */
export type TokenReader = (token: string) => Promise<Identity | Unidentified | undefined>;

/** Who has which token. */
export function identitiesFrom(
  readers: readonly TokenReader[],
  { reader, operatorTokenFile }: Pick<Identities, 'reader' | 'operatorTokenFile'>,
): Identities {
  const where = operatorTokenFile === undefined ? '' : `; the token of this installation is in ${operatorTokenFile}`;
  const expected = `expected the header authorization: Bearer <token>${where}`;
  return {
    async identify(request) {
      const token = bearerTokenOf(request);
      if (token === undefined) return { reason: 'no-token', expected };
      for (const read of readers) {
        const found = await read(token);
        if (found) return found;
      }
      return { reason: 'wrong-token', expected: `the token is unknown; ${expected}` };
    },
    reader,
    operatorTokenFile,
  };
}

/** Who has which token, and besides one token that several share: whoever sends it says in the body who they are. */
export function identitiesAnd(identities: Identities, token: string | undefined, role: Role): Identities {
  if (token === undefined) return identities;
  const read = readerOf(token, { name: null, roles: { [EVERY_SERVICE]: role } });
  return {
    ...identities,
    async identify(request) {
      const given = bearerTokenOf(request);
      return (given === undefined ? undefined : await read(given)) ?? identities.identify(request);
    },
  };
}

/** The token of the installation, with every role. */
export function operatorTokenReader({ token }: OperatorToken): TokenReader {
  return readerOf(token, { name: 'operator', roles: { '*': 'admin' } });
}

function readerOf(token: string, identity: Identity): TokenReader {
  const hash = hashOfToken(token);
  return (given) => Promise.resolve(hashOfToken(given) === hash ? identity : undefined);
}

export function fileReader(file: IdentitiesFile): TokenReader {
  return (given) => Promise.resolve(file.find(hashOfToken(given)));
}
