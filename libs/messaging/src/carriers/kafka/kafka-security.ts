import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { SASLOptions } from 'kafkajs';
import { ConfigurationError, keepSecret } from '#libs/platform';
import { usesTls, type KafkaSettings } from './kafka-settings.js';

/** What brokers are spoken to with; without both they are spoken to openly, as anybody. */
export interface KafkaSecurity {
  readonly ssl?: ConnectionOptions;
  readonly sasl?: SASLOptions;
}

/** The token is none that a broker would take now. It is read again at every attempt: whoever renews it mends that. */
export class KafkaTokenError extends Error {
  override readonly name = 'KafkaTokenError';
  /** As the client asks whether another attempt may help. */
  readonly retriable = true;
}

/**
 * Reads certificates, keys and the password from their files.
 * @throws ConfigurationError naming the variable, the file and what is wrong with it
 */
export async function kafkaSecurity(settings: KafkaSettings): Promise<KafkaSecurity> {
  return {
    ...(usesTls(settings) ? { ssl: await tlsOptions(settings) } : {}),
    ...(settings.KAFKA_SASL === undefined ? {} : { sasl: await saslOptions(settings) }),
  };
}

async function tlsOptions(settings: KafkaSettings): Promise<ConnectionOptions> {
  const { KAFKA_TLS_CA: caFile, KAFKA_TLS_CERT: certFile, KAFKA_TLS_KEY: keyFile } = settings;
  const ca = await certificateText('KAFKA_TLS_CA', caFile);
  const cert = await certificateText('KAFKA_TLS_CERT', certFile);
  const key = await content('KAFKA_TLS_KEY', keyFile);
  if (cert !== undefined && key !== undefined) checkPair({ cert, certFile: certFile!, key, keyFile: keyFile! });
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function saslOptions(settings: KafkaSettings): Promise<SASLOptions> {
  const { KAFKA_SASL: mechanism, KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_TOKEN_FILE: tokenFile = '' } = settings;
  if (mechanism === 'oauthbearer') {
    const oauthBearerProvider = async (): Promise<{ value: string }> => ({ value: await currentToken(tokenFile) });
    return { mechanism, oauthBearerProvider };
  }
  const file = settings.KAFKA_SASL_PASSWORD_FILE;
  const password = (await content('KAFKA_SASL_PASSWORD_FILE', file))?.replace(/\r?\n$/, '') ?? '';
  if (password === '') throw wrong('KAFKA_SASL_PASSWORD_FILE', file, 'the file is empty, expected the password');
  keepSecret(password);
  return { mechanism: mechanism ?? 'plain', username, password } as SASLOptions;
}

/** @throws KafkaTokenError which says why there is none now */
async function currentToken(file: string): Promise<string> {
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

/** `exp` of a JSON Web Token, ms since 1970; undefined where the token is of another kind. */
function expiryOf(token: string): number | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof claims.exp === 'number' ? claims.exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}

/** undefined: no file is named. */
async function content(variable: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : `can't be read (${error.code})`;
    throw wrong(variable, file, why);
  });
}

async function certificateText(variable: string, file: string | undefined): Promise<string | undefined> {
  const text = await content(variable, file);
  if (text !== undefined && certificateIn(text) === undefined)
    throw wrong(variable, file, 'expected a certificate in PEM (-----BEGIN CERTIFICATE-----)');
  return text;
}

function checkPair(given: {
  readonly cert: string;
  readonly certFile: string;
  readonly key: string;
  readonly keyFile: string;
}): void {
  const certificate = certificateIn(given.cert)!;
  let key: KeyObject;
  try {
    key = createPrivateKey(given.key);
  } catch {
    throw wrong(
      'KAFKA_TLS_KEY',
      given.keyFile,
      'expected a private key in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)',
    );
  }
  if (!certificate.checkPrivateKey(key))
    throw wrong('KAFKA_TLS_KEY', given.keyFile, `it is no key of the certificate in KAFKA_TLS_CERT=${given.certFile}`);
  if (Date.parse(certificate.validTo) <= Date.now())
    throw wrong('KAFKA_TLS_CERT', given.certFile, `the certificate expired on ${certificate.validTo}; have it renewed`);
}

function certificateIn(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function wrong(variable: string, file: string | undefined, why: string): ConfigurationError {
  return new ConfigurationError([`${variable}=${file}: ${why}`]);
}
