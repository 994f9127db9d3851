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
      {
        name: 'TOKENS',
        protocol: 'SASL_SSL',
        settings: { ...tls, ...tokens(write('jwks.json', JSON.stringify(keys))) },
      },
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
export function describeSecuredKafka(kafka: RunningKafka, secured: SecuredDoors): void {
  describe('a broker as people run it', () => {
    it.each(openedWays(kafka, secured))(
      'takes and gives events $how',
      { timeout: 60_000 },
      async ({ door, settings }) => {
        const { bus, close } = await open(door, settings);
        onTestFinished(close);
        expect(await echoed(bus)).toBe('v');
      },
    );

    it.each([...mistakenByTls(kafka, secured), ...mistakenByName(kafka, secured)])(
      'says what to do about $how',
      { timeout: 60_000 },
      async ({ door, settings, words }) => {
        const opening = open(door, settings);
        onTestFinished(() =>
          opening.then(
            ({ close }) => close(),
            () => undefined,
          ),
        );
        await expect(opening).rejects.toThrow(words);
        await expect(opening).rejects.not.toThrow(/not-the-password|the-password-of-alice/);
      },
    );

    it('keeps the password out of the log', () => {
      expect(withoutSecrets(`it said ${PASSWORD}`)).toBe('it said ***');
    });
  });
}

interface Way {
  readonly how: string;
  readonly door: string;
  readonly settings: Readonly<Record<string, string>>;
}

interface Mistake extends Way {
  /** What is said of it. */
  readonly words: RegExp;
}

function openedWays({ doors }: RunningKafka, secured: SecuredDoors): readonly Way[] {
  const KAFKA_TLS_CA = secured.ca;
  const byPassword = (mechanism: string): Way['settings'] => ({
    KAFKA_TLS_CA,
    KAFKA_SASL: mechanism,
    ...withPassword(secured),
  });
  const [signIn, byTokens] = [doors['SIGNIN']!, doors['TOKENS']!];
  return [
    {
      how: 'with certificates of both sides',
      door: doors['MUTUAL']!,
      settings: { KAFKA_TLS_CA, ...secured.client },
    },
    { how: 'by a name and a password (PLAIN)', door: signIn, settings: byPassword('plain') },
    { how: 'by SCRAM-SHA-256', door: signIn, settings: byPassword('scram-sha-256') },
    { how: 'by SCRAM-SHA-512', door: signIn, settings: byPassword('scram-sha-512') },
    { how: 'by a token (OAUTHBEARER)', door: byTokens, settings: byToken(secured, 'token', secured.token(3_600)) },
  ];
}

function mistakenByTls({ doors, brokers }: RunningKafka, secured: SecuredDoors): readonly Mistake[] {
  const { ca: KAFKA_TLS_CA, client, write } = secured;
  const door = doors['MUTUAL']!;
  const stranger = certificateAuthority('somebody else’s authority');
  const theirs = stranger.issue('router-1');
  const unknown = { KAFKA_TLS_CERT: write('s.pem', theirs.certificate), KAFKA_TLS_KEY: write('s.key', theirs.key) };
  return [
    {
      how: 'an authority of somebody else',
      door,
      settings: { ...client, KAFKA_TLS_CA: write('other.pem', stranger.certificate) },
      words: /signed by none of those in KAFKA_TLS_CA/,
    },
    {
      how: 'no authority of its own',
      door,
      settings: { ...client, KAFKA_TLS: 'on' },
      words: /give the certificate of its authority, in PEM, in KAFKA_TLS_CA/,
    },
    {
      how: 'no certificate of the client',
      door,
      settings: { KAFKA_TLS_CA },
      words: /wants a certificate of clients.*KAFKA_TLS_CERT and KAFKA_TLS_KEY/,
    },
    {
      how: 'a certificate of somebody else',
      door,
      settings: { KAFKA_TLS_CA, ...unknown },
      words: /does not take the one in KAFKA_TLS_CERT/,
    },
    { how: 'no TLS', door, settings: {}, words: /set KAFKA_TLS=on/ },
    { how: 'TLS at the open port', door: brokers[0]!, settings: { KAFKA_TLS_CA }, words: /does not speak TLS there/ },
  ];
}

function mistakenByName({ doors }: RunningKafka, secured: SecuredDoors): readonly Mistake[] {
  const { ca: KAFKA_TLS_CA, client, write, token } = secured;
  const plain = { KAFKA_TLS_CA, KAFKA_SASL: 'plain', ...withPassword(secured) };
  const wrong = { ...plain, KAFKA_SASL: 'scram-sha-512', KAFKA_SASL_PASSWORD_FILE: write('wrong', 'not-the-password') };
  const forged = token(3_600, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const [signIn, byTokens] = [doors['SIGNIN']!, doors['TOKENS']!];
  return [
    {
      how: 'nobody’s name',
      door: signIn,
      settings: { KAFKA_TLS_CA },
      words: /wants clients to sign in: set KAFKA_SASL to one of what it offers \(.*scram-sha-512/,
    },
    {
      how: 'a name where nobody signs in',
      door: doors['MUTUAL']!,
      settings: { ...plain, ...client },
      words: /nobody signs in at .* leave it out/,
    },
    {
      how: 'a mechanism that is not offered',
      door: byTokens,
      settings: plain,
      words: /does not take KAFKA_SASL=plain, it offers oauthbearer/,
    },
    {
      how: 'a wrong password',
      door: signIn,
      settings: wrong,
      words: /no such name with this password: look at KAFKA_SASL/,
    },
    {
      how: 'an expired token',
      door: byTokens,
      settings: byToken(secured, 'expired', token(-60)),
      words: /the token expired at .*; have it renewed/,
    },
    {
      how: 'a token of somebody else',
      door: byTokens,
      settings: byToken(secured, 'forged', forged),
      words: /does not take the token in KAFKA_SASL_TOKEN_FILE/,
    },
  ];
}

function withPassword({ write }: SecuredDoors): Way['settings'] {
  return { KAFKA_SASL_USERNAME: 'alice', KAFKA_SASL_PASSWORD_FILE: write('password', `${PASSWORD}\n`) };
}

function byToken({ ca, write }: SecuredDoors, name: string, token: string): Way['settings'] {
  return { KAFKA_TLS_CA: ca, KAFKA_SASL: 'oauthbearer', KAFKA_SASL_TOKEN_FILE: write(name, token) };
}

function open(door: string, settings: Readonly<Record<string, string>>): ReturnType<typeof openBusAsItIs> {
  return openBusAsItIs(readConfig(busVariables, { BUS: 'kafka', KAFKA_BROKERS: door, ...settings }), 'test');
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
