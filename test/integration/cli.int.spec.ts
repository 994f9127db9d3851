import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommand } from '#apps/cli';
import { analyzerApp } from '#apps/analyzer';
import { decisionApp } from '#apps/decision';
import { recorderApp } from '#apps/recorder';
import { reportsApp } from '#apps/reports';
import { routerApp } from '#apps/router';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { watchNode } from '#libs/testing/processes';

const CLI = ['--import', 'tsx', '--conditions=teststrip-source', 'apps/cli/src/main.ts'];

let folder: string;
let database: TestDatabase;
let bus: EventBus;
let upstream: Server;
let apps: readonly RunningApp<unknown>[];
let environment: Readonly<Record<string, string>>;
let routerUrl: string;
let routerAdminUrl: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-cli-'));
  database = await withDatabase();
  await migrate(database);
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
  upstream = createServer((request, response) => {
    request.resume();
    response.statusCode = request.url?.startsWith('/broken') ? 500 : 200;
    response.end('{}');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const own = { DATA_DIR: folder };
  const resources = { database, bus };
  const settings = { tickEveryMs: 20, heartbeatEveryMs: 200 };
  const decision = await startApp(decisionApp, { resources, settings, environment: own });
  const others = await Promise.all([
    startApp(reportsApp, { resources, environment: own }),
    startApp(recorderApp, { resources, environment: own }),
    startApp(analyzerApp, { resources, environment: own }),
  ]);
  const router = await startApp(routerApp, {
    resources: { bus },
    environment: own,
    settings: { port: 0, routerId: 'router-a', lastKnownGoodFile: undefined, overrideToken: 'signs-override-tokens' },
  });
  routerUrl = router.exposed.url;
  routerAdminUrl = router.url;
  apps = [router, ...others, decision];
  environment = {
    ...own,
    XDG_CONFIG_HOME: join(folder, 'config'),
    TESTSTRIP_SERVER: decision.url,
    TESTSTRIP_REPORTS: others[0].url,
  };
});
afterAll(async () => {
  for (const app of apps) await app.close();
  await bus.close();
  upstream.close();
  upstream.closeAllConnections();
  await database.close();
  await rm(folder, { recursive: true });
});

interface Said {
  readonly code: number | string;
  readonly text: string;
}

interface Answered extends Said {
  /** What came on standard output. */
  readonly answer: string;
}

/** What somebody types, as a process of its own. */
async function typed(line: string): Promise<Said> {
  const child = watchNode([...CLI, ...line.split(' ')], environment);
  const code = await child.ended;
  return { code, text: child.output() };
}

/** The same in this process, which is ready at once. */
async function teststrip(line: string, more: Readonly<Record<string, string>> = {}, input = ''): Promise<Answered> {
  for (const [name, value] of Object.entries({ ...environment, ...more })) vi.stubEnv(name, value);
  let [text, answer] = ['', ''];
  const keep = (chunk: unknown): boolean => {
    text += String(chunk);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    answer += String(chunk);
    return keep(chunk);
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(keep);
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(input)]) as typeof process.stdin);
  try {
    return { code: await runCommand(line.split(' '), new AbortController().signal), text, answer };
  } finally {
    process.exitCode = undefined;
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
}

async function aFile(key: string, more = ''): Promise<string> {
  const { port } = upstream.address() as AddressInfo;
  const config = '{ checkpoint: a, sampler: ddim, precision: fp16, steps: ';
  const path = join(folder, `${key}.yaml`);
  const text = `apiVersion: teststrip/v1
key: ${key}
service: ${key}-service
kind: canary
variants:
  control: { upstream: "http://127.0.0.1:${port}/", config: ${config}20 } }
  candidate: { upstream: "http://127.0.0.1:${port}/${key}/", config: ${config}10 } }
guardrails:
  - { metric: error-rate, margin: +1pp }
${more}`;
  await writeFile(path, text);
  return path;
}

async function ask(key: string, unit: number): Promise<number> {
  return (await asked(key, unit)).status;
}

async function asked(key: string, unit: number, more: Readonly<Record<string, string>> = {}) {
  const url = new URL(`v1/services/${key}-service/generations`, routerUrl);
  const headers = { 'content-type': 'application/json', 'teststrip-unit': `user-${unit}`, ...more };
  const response = await fetch(url, { method: 'POST', headers, body: '{"prompt": "a red circle"}' });
  await response.arrayBuffer();
  const assignment = decodeURIComponent(response.headers.get('teststrip-assignment') ?? 'null');
  return { status: response.status, assignment: JSON.parse(assignment) as unknown };
}

/** Asks until the experiment has ended. */
async function askUntilEnded(key: string): Promise<void> {
  for (let unit = 0; unit < 4_000; unit += 20) {
    const phase = await database.query<{ phase: string }>(
      `select state ->> 'phase' as phase from teststrip.experiments where key = $1`,
      [key],
    );
    if (phase[0]?.phase === 'rolled-back') return;
    await Promise.all(Array.from({ length: 20 }, (_, index) => ask(key, unit + index)));
  }
  throw new Error(`${key} has not ended`);
}

const requestsOfUser0 = () => database.query(`select 1 from teststrip.requests where unit = 'user-0'`);

describe('a session in a terminal', () => {
  it('from a file with a mistake to a promotion and a rollback, with codes that a pipeline goes by', async () => {
    const mistaken = await aFile('mistaken', 'deadlin: 2h\n');
    const good = await aFile('good', 'ramp: [{ weight: 10%, approval: required }, { weight: 100% }]\n');
    const broken = await aFile('broken', 'ramp: { auto: { from: 20% } }\n');
    const complaint = /mistaken\.yaml:10: deadlin: unknown key "deadlin"; expected one of: .*; nearest: deadline/;
    const mistyped = typed(`apply -f ${mistaken} --wait`);
    const validated = await teststrip(`validate -f ${mistaken} ${good}`);
    const stranger = await teststrip(`apply -f ${good} --token teststrip_nobody`);
    const alone = await teststrip('status good', { TESTSTRIP_SERVER: 'http://127.0.0.1:2' });
    const applied = await teststrip(`apply -f ${good}`);
    // Only routers that have been heard of are waited for, and the first heartbeat comes a second after a start.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const harmful = await teststrip(`apply -f ${broken}`);
    const refused = await mistyped;
    expect(validated).toMatchObject({ code: 2, text: expect.stringMatching(complaint) });
    expect(refused).toMatchObject({ code: 2, text: expect.stringMatching(complaint) });
    expect(stranger).toMatchObject({ code: 4, text: expect.stringContaining('teststrip login') });
    expect(alone.code).toBe(5);
    expect(applied).toMatchObject({ code: 0, text: expect.stringContaining('good: new experiment good') });
    expect(harmful.text).not.toMatch(/not in force/);
    expect(harmful.code).toBe(0);
    expect(await ask('broken', 1)).not.toBe(404);

    const frozen = await teststrip('freeze broken-service -r weekend');
    const stands = await teststrip('status broken');
    expect(frozen).toMatchObject({ code: 0, text: expect.stringMatching(/broken-service.*paused/) });
    expect(stands.text).toMatch(/is paused[^]*its service is frozen: teststrip unfreeze broken-service -r …/);
    expect(stands.text).not.toMatch(/teststrip resume/);
    expect((await teststrip('get experiment broken')).text).toContain('teststrip unfreeze broken-service -r …');
    expect(await teststrip('resume broken -r now')).toMatchObject({
      code: 4,
      text: expect.stringContaining('"teststrip service resume broken-service -r …"'),
    });

    await writeFile(good, (await readFile(good, 'utf8')).concat('deadline: 2h\n'));
    const ended = askUntilEnded('broken');
    const differing = await teststrip(`diff -f ${good} --exit-code`);
    const waiting = await teststrip('status good');
    const unknown = await teststrip('events nobody');
    const hasty = await teststrip('wait good --timeout 100ms');
    await ended;
    const failed = await teststrip('wait broken --for promoted --timeout 60s');
    expect(differing).toMatchObject({ code: 1, text: expect.stringMatching(/policy changed: deadline .* → 2 h/) });
    expect(waiting).toMatchObject({ code: 0, text: expect.stringContaining('teststrip approve good -r …') });
    expect(unknown).toMatchObject({ code: 4, text: expect.stringContaining('"teststrip get experiments"') });
    expect(hasty.code).toBe(3);
    expect(failed).toMatchObject({ code: 1, text: expect.stringContaining('error-rate of candidate') });
    const thawed = await teststrip('unfreeze broken-service -r monday');
    expect(thawed.code).toBe(0);
    expect(thawed.text).not.toMatch(/paused/);

    expect(await teststrip('approve good -r looks_good')).toMatchObject({
      code: 0,
      text: expect.stringMatching(/is running/),
    });
    expect((await teststrip('promote good -r enough')).code).toBe(0);
    const promoted = await teststrip('wait good --for promoted');
    const again = await teststrip('promote good -r again');
    const replayed = await teststrip('replay good');
    const judged = await teststrip('replay broken');
    expect(promoted.code).toBe(0);
    expect(again).toMatchObject({ code: 4, text: expect.stringContaining('teststrip new-attempt good') });
    expect(replayed).toMatchObject({
      code: 0,
      text: expect.stringMatching(/good: 3 decisions, 3 decided again and identical/),
    });
    expect(judged.code).toBe(0);
    expect(judged.text).toMatch(/the log leads to "rolled-back"/);
    expect(judged.text).not.toMatch(/not kept/);
  }, 300_000);

  it('on another machine begins with a login; what a person takes back ends a pipeline that waits for it', async () => {
    // No installation has left its token there.
    const elsewhere = { DATA_DIR: join(folder, 'elsewhere'), XDG_CONFIG_HOME: join(folder, 'elsewhere') };
    const token = await readFile(join(folder, 'operator-token'), 'utf8');
    const login = `login --server ${environment['TESTSTRIP_SERVER']}`;
    const path = await aFile('taken-back', 'ramp: [{ weight: 10%, approval: required }, { weight: 100% }]\n');
    const stranger = await teststrip(`apply -f ${path}`, elsewhere);
    const guessed = await teststrip(login, elsewhere, 'guessed\n');
    const known = await teststrip(login, elsewhere, token);
    const applied = await teststrip(`apply -f ${path}`, elsewhere);
    expect(stranger).toMatchObject({ code: 4, text: expect.stringContaining('teststrip login') });
    expect(guessed.code).toBe(4);
    expect(known).toMatchObject({ code: 0, text: expect.stringContaining('knows you now: context default') });
    expect(known.text).not.toContain(token.trim());
    expect(applied).toMatchObject({ code: 0, text: expect.stringContaining('taken-back: new experiment') });

    const pipeline = watchNode([...CLI, 'apply', '-f', path, '--wait'], environment);
    const watched = watchNode([...CLI, 'status', 'taken-back', '--watch'], environment);
    await Promise.all([pipeline.said(/taken-back.*\n/), watched.said(/stage .*\n/)]);
    expect((await teststrip('approve taken-back -r looks_good', elsewhere)).code).toBe(0);
    await watched.said(/is running/);
    const rolledBack = await teststrip('rollback taken-back -r enough', elsewhere);
    expect(rolledBack.code).toBe(0);
    expect([await pipeline.ended, await watched.ended]).toEqual([1, 0]);
    expect(watched.output()).toMatch(/running[^]*rolled back/);
    const end = await teststrip('wait taken-back --for rolled-back', elsewhere);
    const replayed = await teststrip('replay taken-back', elsewhere);
    expect(end.code).toBe(0);
    expect(replayed).toMatchObject({ code: 0, text: expect.stringMatching(/decided again and identical/) });
  }, 300_000);

  it('gives a tester a token that shows the candidate, and nobody else one', async () => {
    const path = await aFile('shown', 'ramp: [{ weight: 10% }, { weight: 100%, approval: required }]\n');
    expect((await teststrip(`apply -f ${path}`)).code).toBe(0);
    await vi.waitFor(async () => expect(await ask('shown', 1)).toBe(200), { timeout: 30_000 });
    const command = `override-token shown-service --variant candidate --valid-for 5m -r looks --router ${routerAdminUrl}`;
    const issued = await teststrip(command);
    const [, token = ''] = /^teststrip-override-token: (\S+)$/m.exec(issued.text) ?? [];
    expect(issued).toMatchObject({
      code: 0,
      text: expect.stringMatching(/shown-service .* get candidate until [^]*teststrip-override: candidate$/m),
    });
    expect(Number(token.split('.')[0]) * 1_000 - Date.now()).toBeLessThan(5 * 60_000 + 1);
    const wish = { 'teststrip-override': 'candidate' };
    const seen = async (headers: object) => (await asked('shown', 1, { ...wish, ...headers })).assignment;
    expect(await seen({ 'teststrip-override-token': token })).toMatchObject({
      variant: 'candidate',
      reason: 'OVERRIDE',
    });
    expect(await seen({ 'teststrip-override-token': `${token.slice(0, -1)}-` })).not.toMatchObject({
      reason: 'OVERRIDE',
    });

    expect((await teststrip(command.replace('5m', '90s'))).text).toContain('expected whole minutes');
    expect((await teststrip(command.replace('5m', '31d'))).code).toBe(4);
    expect(await teststrip(command.replace('shown-service', 'no-service'))).toMatchObject({
      code: 4,
      text: expect.stringContaining('no service "no-service"'),
    });
    expect((await teststrip(`${command} --token teststrip_nobody`)).code).toBe(4);
    expect(await teststrip(command.replace(routerAdminUrl, 'http://127.0.0.1:2'))).toMatchObject({
      code: 5,
      text: expect.stringContaining('--router says where'),
    });
  }, 120_000);

  it('answers programs with one document on standard output, whatever people are told on the way', async () => {
    const path = await aFile('piped', 'ramp: [{ weight: 10% }, { weight: 100%, approval: required }]\n');
    const [mistaken, fresh] = [await aFile('mistaken', 'deadlin: 2h\n'), await aFile('fresh')];
    const token = (await readFile(join(folder, 'operator-token'), 'utf8')).trim();
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const url = new URL('v1/experiments/piped/rollback', environment['TESTSTRIP_SERVER']);
    const rolledBack = vi.waitFor(
      async () =>
        expect((await fetch(url, { method: 'POST', headers, body: '{"reason": "enough"}' })).status).toBe(200),
      { timeout: 30_000 },
    );
    const awaited = await teststrip(`apply -f ${path} --wait -o json`);
    await rolledBack;
    expect(awaited.code).toBe(1);
    expect(awaited.text).toMatch(/piped: new experiment piped[^]*piped revision 1 .* rolled back/);
    expect(JSON.parse(awaited.answer)).toMatchObject({ key: 'piped', phase: 'rolled-back' });

    const lines: readonly (readonly [line: string, code: number, like: unknown])[] = [
      [
        `validate -f ${path} ${mistaken}`,
        2,
        [
          { file: path, experiment: { key: 'piped', service: 'piped-service' }, problems: [] },
          { file: mistaken, problems: [{ line: 10, path: 'deadlin' }] },
        ],
      ],
      ['wait piped --for rolled-back', 0, { key: 'piped', phase: 'rolled-back' }],
      ['status piped', 0, { experiment: { phase: 'rolled-back' } }],
      ['status piped --watch', 0, { experiment: { phase: 'rolled-back' } }],
      ['get experiments', 0, { experiments: expect.arrayContaining([expect.objectContaining({ key: 'piped' })]) }],
      ['get experiment piped', 0, { key: 'piped' }],
      [`diff -f ${fresh}`, 0, { key: 'fresh', applied: { message: expect.any(String) } }],
      [
        `diff -f ${path} --exit-code`,
        0,
        { applied: { what: 'unchanged', message: expect.stringContaining('rolled back') } },
      ],
      [`apply -f ${fresh} --dry-run --wait`, 0, { key: 'fresh', applied: { message: expect.any(String) } }],
      ['events piped', 0, { decisions: expect.arrayContaining([expect.objectContaining({ kind: 'rolled-back' })]) }],
      ['report broken', 0, { experiment: 'broken' }],
      ['replay piped', 0, { differences: [] }],
      ['context set here --server http://127.0.0.1:8081', 0, undefined],
      ['context list', 0, expect.arrayContaining([expect.objectContaining({ name: 'here', isLoggedIn: false })])],
    ];
    for (const [line, code, like] of lines) {
      for (const form of like === undefined ? [] : ['json', 'yaml']) {
        const said = await teststrip(`${line} -o ${form}`);
        expect({ line, code: said.code }).toEqual({ line, code });
        expect(form === 'json' ? JSON.parse(said.answer) : parse(said.answer)).toMatchObject(like as object);
      }
      if (like === undefined) expect((await teststrip(line)).code).toBe(code);
    }
  }, 120_000);

  it('erases what is kept of a user, and says how much that was', async () => {
    await vi.waitFor(async () => expect(await requestsOfUser0()).not.toEqual([]), { timeout: 10_000 });
    const recorder = apps[2]!.url;
    expect(await teststrip(`erase user-0 --reason asked --recorder ${recorder} --token nobody`)).toMatchObject({
      code: 4,
    });
    const erased = await teststrip(`erase user-0 --reason asked --recorder ${recorder}`);
    expect(erased).toMatchObject({ code: 0, text: expect.stringMatching(/TABLE +ROWS[^]*requests +[1-9]/) });
    expect(await requestsOfUser0()).toEqual([]);
  });

  it('finds what was changed in the log afterwards', async () => {
    await database.query('alter table teststrip.decision_events disable trigger all');
    await database.query(
      `update teststrip.decision_events set data = jsonb_set(data, '{command,message}', '"all is well"')
        where experiment = 'broken' and kind = 'rolled-back'`,
    );
    await database.query('alter table teststrip.decision_events enable trigger all');
    const text = expect.stringMatching(/rolled-back.* does not follow by this version/);
    expect(await teststrip('replay broken')).toMatchObject({ code: 1, text });
  });
});
