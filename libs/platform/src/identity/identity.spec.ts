import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashOfToken } from './bearer-token.js';
import { IdentitiesFile } from './identities-file.js';
import { needsIdentities } from './needs-identities.js';
import { operatorTokenIn } from './operator-token.js';
import { hasRole } from './roles.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'teststrip-identity-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const ANNA = `{ name: anna, sha256: ${hashOfToken('token-of-anna')}, roles: { upscale: operator } }`;

function aFile(text: string): string {
  const path = join(folder, 'identities.yaml');
  writeFileSync(path, text);
  return path;
}

describe('roles', () => {
  const anna = { name: 'anna', roles: { upscale: 'operator', '*': 'viewer' } } as const;

  it.each([
    ['viewer', 'upscale', true],
    ['operator', 'upscale', true],
    ['admin', 'upscale', false],
    ['viewer', 'other', true],
    ['operator', 'other', false],
    ['operator', undefined, true],
    ['admin', undefined, false],
    ['operator', '*', false],
    ['operator', 'constructor', false],
  ] as const)('that hold %s on %s: %s', (role, service, expected) => {
    expect(hasRole(anna, role, service)).toBe(expected);
  });
});

describe('the token that an installation makes itself', () => {
  it('is one, however many processes start at once, and its owner alone can read it', async () => {
    const data = join(folder, 'data');
    const made = await Promise.all(Array.from({ length: 8 }, () => operatorTokenIn(data)));
    expect(new Set(made.map(({ token }) => token)).size).toBe(1);
    expect(made[0]!.token).toMatch(/^teststrip_[\w-]{43}$/);
    expect(statSync(made[0]!.file).mode & 0o777).toBe(0o600);
    expect(readdirSync(data)).toEqual(['operator-token']);
  });

  it('is refused where the file has been emptied', async () => {
    const data = join(folder, 'data');
    writeFileSync(join(data, 'operator-token'), '');
    await expect(operatorTokenIn(data)).rejects.toThrow('operator-token holds no token; delete it');
  });
});

describe('a file of identities', () => {
  const silent = { log() {}, error() {} };

  it.each([
    [
      'a role that there is none of',
      `identities:\n  - ${ANNA.replace('operator', 'boss')}`,
      /:2:\d+: .*expected one of viewer, reviewer, reporter, operator, admin$/,
    ],
    [
      'a token in the place of its hash',
      'identities:\n  - { name: a, sha256: abc, roles: {} }',
      /:2:\d+: .*64 lower-case hex/,
    ],
    [
      'one token for two',
      `identities:\n  - ${ANNA}\n  - ${ANNA.replace('anna,', 'ben,')}`,
      /:3:\d+: .*anna has the same token/,
    ],
    [
      'a field that there is none of',
      `identities:\n  - { role: admin, name: a, sha256: ${hashOfToken('a')}, roles: {} }`,
      /:2:\d+: .*there is no field role/,
    ],
    ['no list', 'anna: admin', /:1:1: /],
    ['no YAML', 'identities: [', /:1:\d+: /],
  ])('with %s is refused with its line', (_what, text, message) => {
    expect(() => new IdentitiesFile(aFile(text), silent)).toThrow(message);
  });

  it('that is not there is told with the variable that names it', () => {
    const missing = join(tmpdir(), 'no-such-identities.yaml');
    expect(() => new IdentitiesFile(missing, silent)).toThrow(/there is no such file; .* IDENTITIES names/);
  });

  it('counts again when it changes, and stays as it was while it is broken', () => {
    let nowMs = 0;
    const told: string[] = [];
    const logger = { log: (line: string) => told.push(line), error: (line: string) => told.push(line) };
    const path = aFile(`identities:\n  - ${ANNA}`);
    const file = new IdentitiesFile(path, logger, () => nowMs);
    const anna = hashOfToken('token-of-anna');
    expect(file.find(anna)).toEqual({ name: 'anna', roles: { upscale: 'operator' } });
    expect(file.find(hashOfToken('another'))).toBeUndefined();
    aFile('identities: [\n\n');
    nowMs += 1_000;
    expect(file.find(anna)).toBeDefined();
    expect(told).toEqual([expect.stringMatching(/^the identities stay as they were: .*identities\.yaml:\d+:\d+: /)]);
    rmSync(path);
    symlinkSync(path, path);
    nowMs += 1_000;
    expect(file.find(anna), 'a link to itself').toBeDefined();
    rmSync(path);
    aFile('identities: []');
    expect(file.find(anna), 'looked at once a second at most').toBeDefined();
    nowMs += 1_000;
    expect(file.find(anna)).toBeUndefined();
  });
});

describe('the variables', () => {
  it.each([
    [{ OIDC_ISSUER: 'https://login.example' }, /OIDC_AUDIENCE=\(not set\)/],
    [{ AUTH: 'off', HOST: '0.0.0.0' }, /whoever reaches 0\.0\.0\.0 could promote/],
    [{ IDENTITIES: '/no/such/identities.yaml' }, /IDENTITIES=.*there is no such file/],
    [{ AUTH: 'off', IDENTITIES: '/etc/identities.yaml' }, /IDENTITIES and OIDC_ISSUER would be ignored/],
  ])('refuse %o', (environment, message) => {
    expect(() => needsIdentities.check(environment)).toThrow(message);
  });

  const headers = {};
  it.each([
    [{ HOST: '127.0.0.1' }, 'viewer'],
    [{ HOST: '0.0.0.0' }, undefined],
    [{ HOST: '0.0.0.0', OPEN_READS: 'true' }, 'viewer'],
    [{ OPEN_READS: 'false' }, undefined],
    [{ AUTH: 'off' }, 'admin'],
  ])('%o let strangers be %s', async (environment, role) => {
    const opened: Readonly<Record<string, string>> = { DATA_DIR: join(folder, 'reads'), ...environment };
    const { resource } = await needsIdentities.open(opened, {
      clientId: 'spec',
      logger: { ...silentLogger },
      waiting: { because() {}, over() {}, signal: new AbortController().signal },
      opened: () => undefined,
    });
    expect(resource.reader?.roles['*']).toBe(role);
    if (opened['AUTH'] !== 'off') expect(await resource.identify({ headers })).toMatchObject({ reason: 'no-token' });
  });
});

const silentLogger = { log() {}, warn() {}, error() {} };
