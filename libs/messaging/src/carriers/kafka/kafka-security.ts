import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { Mechanism, SASLOptions } from 'kafkajs';
import { ConfigurationError, keepSecret } from '#libs/platform';
import { usesTls, type KafkaSettings } from './kafka-settings.js';
import { currentToken, tokenSignIn } from './token-sign-in.js';

/** What brokers are spoken to with; without both they are spoken to openly, as anybody. */
export interface KafkaSecurity {
  readonly ssl?: ConnectionOptions;
  readonly sasl?: SASLOptions | Mechanism;
  /** Whether there is now what it takes to sign in. @throws KafkaTokenError */
  readonly ready?: () => Promise<unknown>;
}

/**
 * Reads certificates, keys and the password from their files.
 * @throws ConfigurationError naming the variable, the file and what is wrong with it
 */
export async function kafkaSecurity(settings: KafkaSettings): Promise<KafkaSecurity> {
  return {
    ...(usesTls(settings) ? { ssl: await tlsOptions(settings) } : {}),
    ...(await signIn(settings)),
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

async function signIn(settings: KafkaSettings): Promise<Pick<KafkaSecurity, 'sasl' | 'ready'>> {
  const { KAFKA_SASL: mechanism, KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_TOKEN_FILE: tokenFile = '' } = settings;
  if (mechanism === undefined) return {};
  if (mechanism === 'oauthbearer') return { sasl: tokenSignIn(tokenFile), ready: () => currentToken(tokenFile) };
  const file = settings.KAFKA_SASL_PASSWORD_FILE;
  const password = (await content('KAFKA_SASL_PASSWORD_FILE', file))?.replace(/\r?\n$/, '') ?? '';
  if (password === '') throw wrong('KAFKA_SASL_PASSWORD_FILE', file, 'the file is empty, expected the password');
  keepSecret(password);
  return { sasl: { mechanism, username, password } as SASLOptions };
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
