import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { busVariables, openBusAsItIs, type EventBus, type KafkaListener, type RunningKafka } from '#libs/messaging';
import { readConfig, withoutSecrets } from '#libs/platform';
import { certificateAuthority } from '#libs/testing/certificates';

const PASSWORD = 'the-password-of-alice';

/** Doors of a broker as people have them in production, with the files that clients need for them. */
export interface SecuredDoors {
  readonly listeners: readonly KafkaListener[];
  readonly scramAccounts: readonly string[];
  /** Writes a file beside the certificates. @returns its path */
  write(name: string, text: string): string;
  readonly ca: string;
  readonly client: Readonly<Record<string, string>>;
  /** @param by whose signature: the issuer's, or a stranger's */
  token(expiresInS: number, by?: KeyObject): string;
}

/** Certificates and keys are made here, for this run alone. */
export function securedDoors(): SecuredDoors {
  const folder = mkdtempSync(join(tmpdir(), 'teststrip-doors-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const authority = certificateAuthority('authority of the brokers');
  const broker = authority.issue('localhost', { addresses: ['127.0.0.1'] });
  const client = authority.issue('router-1');
  const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = { keys: [{ ...issuer.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }] };
  const ca = write('ca.pem', authority.certificate);
  const tls = {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': write('broker.pem', broker.key + broker.certificate),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca,
  };
  return {
    listeners: [
      { name: 'MUTUAL', protocol: 'SSL', settings: { ...tls, 'ssl.client.auth': 'required' } },
      { name: 'SIGNIN', protocol: 'SASL_SSL', settings: { ...tls, ...passwords() } },
      { name: 'TOKENS', protocol: 'SASL_SSL', settings: { ...tls, ...tokens(write('jwks.json', JSON.stringify(keys))) } },
    ],
    scramAccounts: ['256', '512'].map((bits) => `SCRAM-SHA-${bits}=[name=alice,password=${PASSWORD}]`),
    write,
    ca,
    client: { KAFKA_TLS_CERT: write('client.pem', client.certificate), KAFKA_TLS_KEY: write('client.key', client.key) },
    token: (expiresInS, by = issuer.privateKey) => jsonWebToken(Date.now() / 1_000 + expiresInS, by),
  };
}

function passwords(): Record<string, string> {
  const modules = 'org.apache.kafka.common.security';
  const scram = `${modules}.scram.ScramLoginModule required;`;
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_alice="${PASSWORD}";`,
    'scram-sha-256.sasl.jaas.config': scram,
    'scram-sha-512.sasl.jaas.config': scram,
  };
}

function tokens(keysFile: string): Record<string, string> {
  const oauth = 'org.apache.kafka.common.security.oauthbearer';
  return {
    'sasl.enabled.mechanisms': 'OAUTHBEARER',
    'oauthbearer.sasl.jaas.config': `${oauth}.OAuthBearerLoginModule required;`,
    'oauthbearer.sasl.server.callback.handler.class': `${oauth}.OAuthBearerValidatorCallbackHandler`,
    'sasl.oauthbearer.jwks.endpoint.url': `file://${keysFile}`,
    'sasl.oauthbearer.expected.audience': 'kafka',
  };
}

function jsonWebToken(exp: number, by: KeyObject): string {
  const claims = { sub: 'alice', aud: 'kafka', scope: 'all', iat: Math.floor(exp) - 3_600, exp: Math.floor(exp) };
  const data = [{ alg: 'ES256', kid: 'one' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(data), { key: by, dsaEncoding: 'ieee-p1363' });
  return `${data}.${signature.toString('base64url')}`;
}

/** A bus through each of the doors, and what is said where a door stays closed. */
export function describeSecuredKafka({ doors, brokers }: RunningKafka, secured: SecuredDoors): void {
  const { ca, client, write, token } = secured;
  const stranger = certificateAuthority('somebody else’s authority');
  const strangers = stranger.issue('router-1');
  const trusting = { KAFKA_TLS_CA: ca };
  const withPassword = {
    KAFKA_SASL_USERNAME: 'alice',
    KAFKA_SASL_PASSWORD_FILE: write('password', `${PASSWORD}\n`),
  };
  const open = (door: string, settings: Readonly<Record<string, string>>) =>
    openBusAsItIs(readConfig(busVariables, { BUS: 'kafka', KAFKA_BROKERS: door, ...settings }), 'test');
  const tokenFile = (name: string, text: string) => ({
    KAFKA_SASL: 'oauthbearer',
    KAFKA_SASL_TOKEN_FILE: write(name, text),
  });

  describe('a broker as people run it', () => {
    it.each([
      ['with certificates of both sides', doors['MUTUAL']!, client],
      ['by a name and a password (PLAIN)', doors['SIGNIN']!, { KAFKA_SASL: 'plain', ...withPassword }],
      ['by SCRAM-SHA-256', doors['SIGNIN']!, { KAFKA_SASL: 'scram-sha-256', ...withPassword }],
      ['by SCRAM-SHA-512', doors['SIGNIN']!, { KAFKA_SASL: 'scram-sha-512', ...withPassword }],
      ['by a token (OAUTHBEARER)', doors['TOKENS']!, tokenFile('token', token(3_600))],
    ])('takes and gives events %s', { timeout: 60_000 }, async (_how, door, settings) => {
      const { bus, close } = await open(door, { ...trusting, ...settings });
      onTestFinished(close);
      expect(await echoed(bus)).toBe('v');
    });

    it.each([
      ['an authority of somebody else', doors['MUTUAL']!, { ...client, KAFKA_TLS_CA: write('other.pem', stranger.certificate) }, /signed by none of those in KAFKA_TLS_CA/],
      ['no authority of its own', doors['MUTUAL']!, { ...client, KAFKA_TLS: 'on' }, /give the certificate of its authority, in PEM, in KAFKA_TLS_CA/],
      ['no certificate of the client', doors['MUTUAL']!, trusting, /wants a certificate of clients.*KAFKA_TLS_CERT and KAFKA_TLS_KEY/],
      ['a certificate of somebody else', doors['MUTUAL']!, { ...trusting, KAFKA_TLS_CERT: write('s.pem', strangers.certificate), KAFKA_TLS_KEY: write('s.key', strangers.key) }, /does not take the one in KAFKA_TLS_CERT/],
      ['no TLS', doors['MUTUAL']!, {}, /set KAFKA_TLS=on/],
      ['TLS at the open port', brokers[0]!, trusting, /does not speak TLS there/],
      ['nobody’s name', doors['SIGNIN']!, trusting, /wants clients to sign in: set KAFKA_SASL to one of what it offers \(.*scram-sha-512/],
      ['a name where nobody signs in', doors['MUTUAL']!, { ...trusting, ...client, KAFKA_SASL: 'plain', ...withPassword }, /nobody signs in at .* leave it out/],
      ['a mechanism that is not offered', doors['TOKENS']!, { ...trusting, KAFKA_SASL: 'plain', ...withPassword }, /does not take KAFKA_SASL=plain, it offers oauthbearer/],
      ['a wrong password', doors['SIGNIN']!, { ...trusting, KAFKA_SASL: 'scram-sha-512', KAFKA_SASL_USERNAME: 'alice', KAFKA_SASL_PASSWORD_FILE: write('wrong', 'not-the-password') }, /no such name with this password: look at KAFKA_SASL_USERNAME/],
      ['an expired token', doors['TOKENS']!, { ...trusting, ...tokenFile('expired', token(-60)) }, /the token expired at .*; have it renewed/],
      ['a token of somebody else', doors['TOKENS']!, { ...trusting, ...tokenFile('forged', token(3_600, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)) }, /does not take the token in KAFKA_SASL_TOKEN_FILE/],
    ])('says what to do about %s', { timeout: 60_000 }, async (_what, door, settings, words) => {
      const opening = open(door, settings);
      onTestFinished(() => opening.then(({ close }) => close(), () => undefined));
      await expect(opening).rejects.toThrow(words);
      await expect(opening).rejects.not.toThrow(/not-the-password|the-password-of-alice/);
    });

    it('keeps the password out of the log', () => {
      expect(withoutSecrets(`it said ${PASSWORD}`)).toBe('it said ***');
    });
  });
}

/** What comes back of one event, read by a group from its beginning. */
async function echoed(bus: EventBus): Promise<string> {
  const topic = `test.${randomUUID()}`;
  await bus.createTopics([{ name: topic, partitions: 1, compacted: false }]);
  const seen: string[] = [];
  const subscription = bus.subscribe({
    group: `g-${topic}`,
    topics: [topic],
    handler: async ({ records }) => void seen.push(...records.map(({ value }) => value!.toString())),
  });
  await vi.waitFor(() => bus.publish([{ topic, key: 'k', headers: {}, value: Buffer.from('v') }]), { timeout: 20_000 });
  await vi.waitFor(() => expect(seen).toHaveLength(1), { timeout: 20_000 });
  await subscription.close();
  return seen[0]!;
}
