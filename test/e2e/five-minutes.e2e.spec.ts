import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { watchNode, type WatchedProcess } from '#libs/testing/processes';

let folder: string;
const started: WatchedProcess[] = [];

beforeAll(async () => {
  // Open to the account that Postgres runs under where we are root.
  folder = await mkdtemp(join(tmpdir(), 'teststrip-five-minutes-'));
  await chmod(folder, 0o755);
});
afterAll(async () => {
  for (const { process: child } of started) child.kill('SIGTERM');
  await Promise.all(started.map(({ ended }) => ended));
  await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): WatchedProcess {
  const watched = watchNode(args, environment);
  started.push(watched);
  return watched;
}

const PORTS = ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'SCORER', 'ANALYZER', 'RECORDER'];

it('the five minutes of the README: a service that breaks one request in ten is rolled back by the errors alone', async () => {
  const ports = Object.fromEntries(PORTS.map((name) => [`${name}_PORT`, '0']));
  const services = start(['dist/apps/standalone/src/main.js'], { ...ports, DATA_DIR: join(folder, 'data') });
  const ready = JSON.parse(await services.said(/\{"ready":true.*\}/)) as { router: string; decision: string };

  const [control, candidate] = await Promise.all(
    [[], ['--fail', '0.1']].map(async (more) => {
      const said = await start(['examples/image-service.mjs', '0', ...more]).said(/http:\/\/127\.0\.0\.1:\d+/);
      return said;
    }),
  );
  const file = (await readFile('examples/experiment.yaml', 'utf8'))
    .replace('http://127.0.0.1:9001', control!)
    .replace('http://127.0.0.1:9002', candidate!);
  const path = join(folder, 'experiment.yaml');
  await writeFile(path, file);
  const applied = start(['dist/apps/cli/src/main.js', 'apply', '-f', path], {
    DATA_DIR: join(folder, 'data'),
    XDG_CONFIG_HOME: folder,
    TESTSTRIP_SERVER: ready.decision,
  });
  expect(await applied.ended, applied.output()).toBe(0);

  const requests = start([
    'examples/send-requests.mjs',
    '--router',
    ready.router,
    '--decision',
    ready.decision,
    '--per-second',
    '200',
    '--at-most-s',
    '120',
  ]);
  expect(await requests.ended).toBe(0);
  expect(requests.output()).toMatch(/^rolled-back \|/m);
  expect(requests.output()).toMatch(/error-rate of candidate/);
}, 180_000);
