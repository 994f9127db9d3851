import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { needsAssignmentCheck, needsAssignmentKey } from './assignment-key.js';

let folder: string;
let errors: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-assignment-'));
  errors = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const logger = { log: () => undefined, warn: () => undefined, error: (message: string) => void errors.push(message) };

async function keyOf(
  need: typeof needsAssignmentKey,
  environment: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const waiting = { because: () => undefined, over: () => undefined, signal: new AbortController().signal };
  const request = { clientId: 'test', logger, waiting, opened: () => undefined };
  return (await need.open({ DATA_DIR: join(folder, 'data'), ...environment }, request)).resource;
}

const ofRouter = (environment?: Readonly<Record<string, string>>) => keyOf(needsAssignmentKey, environment);
const ofService = (environment?: Readonly<Record<string, string>>) => keyOf(needsAssignmentCheck, environment);

describe('the key of assignments', () => {
  it('is made by a router, readable to its owner alone, and known to services that share the folder', async () => {
    const [one, other] = await Promise.all([ofRouter(), ofRouter()]);
    expect(one).toMatch(/^.{32,}$/);
    expect(other).toBe(one);
    expect(await ofService()).toBe(one);
    expect((await stat(join(folder, 'data', 'assignment-key'))).mode & 0o777).toBe(0o600);
  });

  it('is not made by a service, which would leave out whatever a router says that does not share its folder', async () => {
    expect(await ofService()).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is what both are given', async () => {
    const given = { ASSIGNMENT_KEY: 'a key of sixteen letters' };
    expect([await ofRouter(given), await ofService(given)]).toEqual([given.ASSIGNMENT_KEY, given.ASSIGNMENT_KEY]);
  });

  it('is looked at by no service that is to take every assignment', async () => {
    const key = await ofRouter();
    expect(await ofService({ UNSIGNED_ASSIGNMENTS: 'allowed' })).toBeUndefined();
    expect(await ofService({ AUTH: 'off' })).toBeUndefined();
    // A service beside it may look.
    expect(await ofRouter({ AUTH: 'off' })).toBe(key);
  });

  it('is made by no router that needs no identities', async () => {
    expect(await ofRouter({ AUTH: 'off' })).toBeUndefined();
  });

  it('that is none is told, and stops nobody', async () => {
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'assignment-key'), 'short\n');
    expect([await ofRouter(), await ofService()]).toEqual([undefined, undefined]);
    expect(errors).toEqual([
      expect.stringMatching(/^assignments are not signed: .*assignment-key holds no key/),
      expect.stringMatching(/^assignments are not checked: .*assignment-key holds no key/),
    ]);
  });
});
