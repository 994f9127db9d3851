import { setTimeout as pause } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import type { Mechanism } from 'kafkajs';

/** The token is none that a broker would take now. It is read again at every attempt: whoever renews it mends that. */
export class KafkaTokenError extends Error {
  override readonly name = 'KafkaTokenError';
  /** As the client asks whether another attempt may help. */
  readonly retriable = true;
}

/** The broker does not take the token, which has not expired. */
export class KafkaTokenRefusedError extends Error {
  override readonly name = 'KafkaTokenRefusedError';
  readonly retriable = false;
}

/** A connection that has begun to sign in can't begin again: a token that is just being renewed is waited for, within the time that brokers give. */
const RENEWED_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 250;

/**
 * SASL OAUTHBEARER (RFC 7628). In place of the client's own, which takes a refusal for an acceptance: the broker refuses by an answer with a text and waits for
 * another word of ours.
 */
export function tokenSignIn(file: string): Mechanism {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }) => ({
      async authenticate() {
        const message = `n,,\u0001auth=Bearer ${await renewedToken(file)}\u0001\u0001`;
        const answer = await saslAuthenticate<Buffer>({
          request: { encode: () => Promise.resolve(withLength(message)) },
          response: { decode: (bytes) => bytes, parse: (bytes) => bytes },
        });
        const refusal = answer?.subarray(LENGTH_BYTES).toString() ?? '';
        if (refusal !== '') throw new KafkaTokenRefusedError(refusal);
      },
    }),
  };
}

/** @throws KafkaTokenError which says why there is none now, and what mends that */
export async function currentToken(file: string): Promise<string> {
  const token = await readFile(file, 'utf8').then(
    (text) => text.trim(),
    (error: NodeJS.ErrnoException) => {
      throw new KafkaTokenError(`KAFKA_SASL_TOKEN_FILE=${file}: can't be read (${error.code}); write the token there`);
    },
  );
  if (token === '') throw new KafkaTokenError(`KAFKA_SASL_TOKEN_FILE=${file}: the file is empty, expected the token`);
  const expiresAtMs = expiryOf(token);
  if (expiresAtMs !== undefined && expiresAtMs <= Date.now()) {
    throw new KafkaTokenError(
      `KAFKA_SASL_TOKEN_FILE=${file}: the token expired at ${new Date(expiresAtMs).toISOString()}; have it renewed, the file is read again`,
    );
  }
  return token;
}

async function renewedToken(file: string): Promise<string> {
  const untilMs = performance.now() + RENEWED_WITHIN_MS;
  for (;;) {
    try {
      return await currentToken(file);
    } catch (error) {
      if (performance.now() >= untilMs) throw error;
      await pause(LOOK_EVERY_MS);
    }
  }
}

/** `exp` of a JSON Web Token, ms since 1970; undefined where the token is of another kind. */
function expiryOf(token: string): number | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof claims.exp === 'number' ? claims.exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}

const LENGTH_BYTES = 4;

function withLength(text: string): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}
