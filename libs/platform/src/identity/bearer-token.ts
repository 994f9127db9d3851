import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Found by scanners for secrets that were committed by mistake. */
const PREFIX = 'teststrip_';

/** A new token: 256 random bits, so that nobody guesses one and a plain hash of it is enough. */
export function newToken(): string {
  return PREFIX + randomBytes(32).toString('base64url');
}

/**
 * What is kept of a token: its SHA-256 in hex. A slow hash protects passwords that people choose; of 256 random bits nobody tries all. Looking
 * a hash up tells no time of use: whoever sends a token can't choose how its hash begins.
 */
export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The token of `authorization: Bearer …`; undefined without one. */
export function bearerTokenOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  return /^Bearer +([^ ].*)$/is.exec(headers.authorization ?? '')?.[1];
}
