import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigurationError, readConfig } from '#libs/platform';
import { certificateAuthority } from '#libs/testing/certificates';
import { kafkaSecurity } from './kafka-security.js';
import { currentToken } from './token-sign-in.js';
import { kafkaProblems, kafkaVariables, usesTls } from './kafka-settings.js';
import { topicConfig, topicReplicas } from './topic-durability.js';

const folder = mkdtempSync(join(tmpdir(), 'teststrip-kafka-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const settingsOf = (given: Readonly<Record<string, string>>) => readConfig(kafkaVariables, given);
const problemsOf = (given: Readonly<Record<string, string>>): readonly string[] => kafkaProblems(settingsOf(given));

describe('settings of Kafka', () => {
  it('speak openly by themselves, and by TLS as soon as something is secret', () => {
    expect(usesTls(settingsOf({}))).toBe(false);
    for (const name of ['KAFKA_TLS_CA', 'KAFKA_TLS_CERT']) expect(usesTls(settingsOf({ [name]: 'x.pem' }))).toBe(true);
    expect(usesTls(settingsOf({ KAFKA_SASL: 'plain' }))).toBe(true);
    expect(usesTls(settingsOf({ KAFKA_SASL: 'plain', KAFKA_TLS: 'off' }))).toBe(false);
  });

  it.each([
    [{ KAFKA_SASL: 'plain' }, ['KAFKA_SASL_USERNAME=(not set)', 'KAFKA_SASL_PASSWORD_FILE=(not set)']],
    [{ KAFKA_SASL: 'oauthbearer' }, ['KAFKA_SASL_TOKEN_FILE=(not set)']],
    [{ KAFKA_SASL_USERNAME: 'alice' }, ['KAFKA_SASL=(not set): KAFKA_SASL_USERNAME is given; expected plain']],
    [{ KAFKA_SASL: 'oauthbearer', KAFKA_SASL_TOKEN_FILE: 't', KAFKA_SASL_USERNAME: 'a' }, ['KAFKA_SASL_USERNAME=a']],
    [{ KAFKA_TLS_CERT: 'c.pem' }, ['KAFKA_TLS_KEY=(not set)']],
    [{ KAFKA_TLS: 'off', KAFKA_TLS_CA: 'ca.pem' }, ['KAFKA_TLS=off: KAFKA_TLS_CA would not be used']],
    [{ KAFKA_REPLICATION_FACTOR: '2', KAFKA_MIN_INSYNC_REPLICAS: '3' }, ['KAFKA_MIN_INSYNC_REPLICAS=3']],
    [{ KAFKA_TLS: 'on', KAFKA_REPLICATION_FACTOR: '3', KAFKA_MIN_INSYNC_REPLICAS: '2' }, []],
  ])('%o are refused together where one needs another', (given, expected) => {
    const problems = problemsOf(given as Record<string, string>);
    expect(problems).toHaveLength(expected.length);
    for (const [index, words] of expected.entries()) expect(problems[index]).toContain(words);
  });
});

describe('files of Kafka', () => {
  const authority = certificateAuthority('authority');
  const [one, other] = [authority.issue('one'), authority.issue('other')];
  const old = authority.issue('old', { validToMs: Date.now() - 1_000 });
  const KAFKA_TLS_CERT = file('one.pem', one.certificate);
  const KAFKA_TLS_KEY = file('one.key', one.key);

  it.each([
    [{ KAFKA_TLS_CA: join(folder, 'nowhere.pem') }, /KAFKA_TLS_CA=.*nowhere.pem: there is no such file/],
    [{ KAFKA_TLS_CA: KAFKA_TLS_KEY }, /expected a certificate in PEM/],
    [{ KAFKA_TLS_CERT, KAFKA_TLS_KEY: file('other.key', other.key) }, /no key of the certificate in KAFKA_TLS_CERT/],
    [{ KAFKA_TLS_CERT, KAFKA_TLS_KEY: KAFKA_TLS_CERT }, /expected a private key in PEM/],
    [
      { KAFKA_TLS_CERT: file('old.pem', old.certificate), KAFKA_TLS_KEY: file('old.key', old.key) },
      /the certificate expired on/,
    ],
    [
      { KAFKA_SASL: 'plain', KAFKA_SASL_USERNAME: 'a', KAFKA_SASL_PASSWORD_FILE: file('empty', '\n') },
      /KAFKA_SASL_PASSWORD_FILE=.*the file is empty/,
    ],
  ])('that are wrong are named: %o', async (given, words) => {
    const reading = kafkaSecurity(settingsOf(given as Record<string, string>));
    await expect(reading).rejects.toThrow(ConfigurationError);
    await expect(reading).rejects.toThrow(words);
  });

  it('are read as they are written, and a token whenever one is needed', async () => {
    const tls = await kafkaSecurity(settingsOf({ KAFKA_TLS_CERT, KAFKA_TLS_KEY }));
    expect(tls.ssl).toEqual({ cert: one.certificate, key: one.key });
    const KAFKA_SASL_TOKEN_FILE = file('token', 'opaque-one\n');
    const { ready } = await kafkaSecurity(settingsOf({ KAFKA_SASL: 'oauthbearer', KAFKA_SASL_TOKEN_FILE }));
    expect(await currentToken(KAFKA_SASL_TOKEN_FILE)).toBe('opaque-one');
    file('token', 'opaque-two');
    expect(await currentToken(KAFKA_SASL_TOKEN_FILE)).toBe('opaque-two');
    const expired = Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString('base64url');
    file('token', `x.${expired}.y`);
    await expect(ready!()).rejects.toThrow('the token expired at 2023-11-14T22:13:20.000Z');
  });
});

describe('topics', () => {
  it('have three copies of which two must have an event, as far as there are brokers', () => {
    expect([1, 2, 3, 5].map((brokers) => topicReplicas({}, brokers))).toEqual([
      { copies: 1, leastInSync: 1 },
      { copies: 2, leastInSync: 1 },
      { copies: 3, leastInSync: 2 },
      { copies: 3, leastInSync: 2 },
    ]);
    expect(topicReplicas({ copies: 5, leastInSync: 3 }, 3)).toEqual({ copies: 5, leastInSync: 3 });
  });

  it('keep events as long as wanted, dead letters longer, and the newest of each key for ever', () => {
    const replicas = { copies: 3, leastInSync: 2 };
    const config = (name: string, compacted: boolean) =>
      Object.fromEntries(
        topicConfig({ name, partitions: 1, compacted }, replicas, { retentionDays: 2 }).map((entry) => [
          entry.name,
          entry.value,
        ]),
      );
    expect(config('a.v1', false)).toMatchObject({ 'retention.ms': '172800000', 'min.insync.replicas': '2' });
    expect(config('a.v1.dead', false)['retention.ms']).toBe('691200000');
    expect(config('a.v1', true)).not.toHaveProperty('retention.ms');
    expect(config('a.v1', true)['cleanup.policy']).toBe('compact');
  });
});
