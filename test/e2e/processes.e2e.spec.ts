import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routerApp } from '#apps/router';
import { openDatabase } from '#libs/persistence';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { watchNode, type WatchedProcess } from '#libs/testing/processes';

let folder: string;
let dataDir: string;
const PORTS = Object.fromEntries(
  ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER', 'INFERENCE'].map((name) => [
    `${name}_PORT`,
    '0',
  ]),
);

beforeAll(async () => {
  // Open to the account that Postgres runs under where we are root.
  folder = await mkdtemp(join(tmpdir(), 'teststrip-processes-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
  await mkdir(dataDir);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A compiled app with nothing in its environment but what is given. */
function start(app: string, environment: Readonly<Record<string, string>>, ...args: readonly string[]): WatchedProcess {
  const main = new URL(`../../dist/apps/${app}/src/main.js`, import.meta.url).pathname;
  return watchNode([main, ...args], { ...PORTS, DATA_DIR: dataDir, ...environment });
}

/** Command lines of processes that work in the folder of this test: what a process leaves behind. */
async function leftBehind(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(folder)).map((line) => line.replaceAll('\0', ' '));
}

const READY = /\{"ready":true.*\}/;

describe('a process', () => {
  it('whose start fails closes what it has opened, says why in one line, and ends with 1', async () => {
    const child = start('standalone', { SCORER_MODEL_DIR: join(folder, 'no-model') });
    expect(await child.ended).toBe(1);
    const lines = child.output().trim().split('\n');
    expect(lines.filter((line) => !line.startsWith('{'))).toEqual([
      expect.stringMatching(/^standalone could not start: model directory .*no-model can't be read/),
    ]);
    expect(child.output()).not.toMatch(/\n\s+at /);
    expect(await leftBehind()).toEqual([]);
  });

  it('shows the stack of a failed start to whoever asks for it', { tags: 'long' }, async () => {
    const child = start('standalone', { SCORER_MODEL_DIR: join(folder, 'no-model'), LOG_LEVEL: 'debug' });
    expect(await child.ended).toBe(1);
    expect(child.output()).toMatch(/could not start: .*\n\s+at /);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends in order at %s and leaves nothing behind', async (signal) => {
    const child = start('standalone', {});
    const ready = JSON.parse(await child.said(READY)) as Record<string, string>;
    expect(Object.keys(ready)).toEqual(
      expect.arrayContaining(['router', 'decision', 'reports', 'analyzer', 'recorder']),
    );
    child.process.kill(signal);
    expect(await child.ended).toBe(0);
    expect(
      child
        .output()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('{')),
    ).toEqual([]);
    expect(await leftBehind()).toEqual([]);
  });

  it(
    'that is told to end while it starts ends as soon as it has started, and leaves nothing behind',
    { tags: 'long' },
    async () => {
      const child = start('standalone', {});
      await expect.poll(leftBehind, { timeout: 20_000, interval: 20 }).not.toEqual([]);
      child.process.kill('SIGTERM');
      expect(await child.ended).toBe(0);
      expect(await leftBehind()).toEqual([]);
    },
  );

  it('is not ready first, then finishes what is under way, and ends at once at a second signal', async () => {
    const child = start('recorder', { SHUTDOWN_NOTICE_MS: '60000' });
    const { recorder } = JSON.parse(await child.said(READY)) as { recorder: string };
    expect((await fetch(`${recorder}/health/ready`)).status).toBe(200);
    child.process.kill('SIGTERM');
    await expect.poll(async () => (await fetch(`${recorder}/health/ready`)).status).toBe(503);
    expect(((await (await fetch(`${recorder}/health/ready`)).json()) as { detail: string }).detail).toContain(
      'shutting down',
    );
    expect((await fetch(`${recorder}/health/live`)).status).toBe(200);
    child.process.kill('SIGTERM');
    expect(await child.ended).toBe(128 + 15);
  });

  it('that can not listen says so in one line', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    const child = start('recorder', { RECORDER_PORT: String(port) });
    expect(await child.ended).toBe(1);
    const lines = child.output().trim().split('\n');
    expect(lines.filter((line) => !line.startsWith('{"level":"log"'))).toEqual([
      `recorder could not start: RECORDER_PORT=${port} is taken on 127.0.0.1; set another one or 0`,
    ]);
    server.close();
  });

  it('names every wrong variable and ends with 78, lists them all at --help, and knows no other arguments', async () => {
    const wrong = start('standalone', { LOG_LEVEL: 'loud', BUS: 'pigeon', REPORTS_PORT: 'x' });
    const help = start('router', {}, '--help');
    const unknown = start('router', {}, '--verbose');
    expect(await Promise.all([wrong.ended, help.ended, unknown.ended])).toEqual([78, 0, 64]);
    for (const name of ['LOG_LEVEL=loud', 'BUS=pigeon', 'REPORTS_PORT=x']) expect(wrong.output()).toContain(name);
    const listed = routerApp.groups.flatMap(({ variables }) => Object.keys(variables));
    expect(listed.filter((name) => !help.output().includes(`\n  ${name}`))).toEqual([]);
    expect(unknown.output()).toContain('unknown argument "--verbose"');
  });
});

describe('a password', () => {
  const PASSWORD = 'correct-horse/battery';
  let database: TestDatabase;
  let url: URL;
  beforeAll(async () => {
    database = await withDatabase();
    url = new URL(database.url);
    const role = `teststrip_${url.pathname.slice(-6)}`;
    const admin = await openDatabase({ url: database.url });
    await admin.query(`create role ${role} login superuser password '${PASSWORD}'`);
    await admin.close();
    url.username = role;
    url.password = PASSWORD;
  });
  afterAll(async () => {
    await database.query(`drop role ${url.username}`).catch(() => undefined);
    await database.close();
  });

  const printsNoPassword = (output: string): void => {
    expect(output).not.toContain(PASSWORD);
    expect(output).not.toContain(encodeURIComponent(PASSWORD));
    expect(output).not.toMatch(/battery/);
  };

  it.each(['json', 'text'])('of the database is printed by no start (%s)', async (format) => {
    const child = start('standalone', { DATABASE_URL: url.href, LOG_FORMAT: format });
    await child.said(format === 'json' ? READY : /Ctrl-C ends it/);
    child.process.kill('SIGTERM');
    expect(await child.ended).toBe(0);
    printsNoPassword(child.output());
    expect(child.output()).not.toMatch(/InstanceLoader|RouterExplorer|RoutesResolver|NestFactory|NestApplication/);
    if (format === 'text') {
      // What a person reads at a start: addresses, that of the page first, and what to do next.
      expect(child.output()).not.toMatch(READY);
      expect(child.output()).toMatch(/standalone is ready\.\n\n(?: {2}\S+ .+\n)* {2}\S+ +the live page/);
      expect(child.output()).toMatch(/standalone is ready\.\n\n( {2}http:\/\/127\.0\.0\.1:\d+\/? +\w.*\n){7}/);
      expect(child.output()).toMatch(/What to do next\n(.*\n)*.*\/v1\/experiments\n/);
    }
  });

  it('of the database is printed by no failure to reach it', async () => {
    const nowhere = new URL(url);
    nowhere.port = '9';
    const child = start('decision', { DATABASE_URL: nowhere.href, LOG_LEVEL: 'debug' });
    // It may come; whoever does not want to wait ends the process.
    await child.said(/waiting for Postgres at .*:9\/.*, tried once: .*ECONNREFUSED/);
    child.process.kill('SIGTERM');
    expect(await child.ended).toBe(0);
    printsNoPassword(child.output());
  });

  it('of the database is printed neither by --help nor with wrong values', async () => {
    const help = start('decision', { DATABASE_URL: url.href }, '--help');
    await help.ended;
    printsNoPassword(help.output());
    const wrong = start('decision', { DATABASE_URL: url.href.replace('postgres', 'mysql') });
    expect(await wrong.ended).toBe(78);
    expect(wrong.output()).toContain('DATABASE_URL=(hidden)');
    printsNoPassword(wrong.output());
  });
});
