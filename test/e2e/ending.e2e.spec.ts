import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/apps/cli/src/main.js', import.meta.url));
const demo = [process.execPath, cli, 'demo', '--scenario', 'identical'];

/** A demonstration as a user starts it, and what it printed. */
interface Demonstration {
  readonly process: ChildProcess;
  readonly printed: { out: string; err: string };
  readonly ended: Promise<number | string | null>;
  /** In the environment of every process that descends from it. */
  readonly mark: string;
}

/** Whatever a killed one leaves on disk. Open to the account that Postgres runs under where we are root. */
const temporary = mkdtempSync(join(tmpdir(), 'teststrip-ending-'));
chmodSync(temporary, 0o755);
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const started: Demonstration[] = [];
afterEach(async () => {
  for (const { mark } of started.splice(0)) for (const { pid } of await descendants(mark)) process.kill(pid, 'SIGKILL');
});

// What still runs is read from /proc.
describe.skipIf(process.platform !== 'linux')('nothing stays behind, and nothing is complained about', () => {
  it('when Ctrl-C comes while the services are starting', async () => {
    const running = start(demo);
    await until(async () => (await descendants(running.mark)).some(({ command }) => command.includes('standalone')));
    running.process.kill('SIGINT');
    expect(await running.ended).toBe(0);
    await expectNothingLeft(running);
  }, 120_000);

  it('when Ctrl-C comes twice in the middle of a story', { tags: 'long', timeout: 240_000 }, async () => {
    const running = start(demo);
    await until(async () => running.printed.out.includes('watch it: '));
    running.process.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    running.process.kill('SIGINT');
    expect(await running.ended).toBe(0);
    await expectNothingLeft(running);
  });

  it(
    'when a wrapper such as npm is ended without passing the signal on',
    { tags: 'long', timeout: 120_000 },
    async () => {
      const running = start(['sh', '-c', `"$@"; true`, 'sh', ...demo], { npm_lifecycle_event: 'demo' });
      await until(async () => running.printed.out.includes('Everything is up'));
      running.process.kill('SIGTERM');
      await expectNothingLeft(running);
    },
  );

  it('when the command itself is killed', { tags: 'long', timeout: 120_000 }, async () => {
    const running = start(demo);
    await until(async () => running.printed.out.includes('Everything is up'));
    running.process.kill('SIGKILL');
    await running.ended;
    await until(async () => (await descendants(running.mark)).every(({ command }) => !command.includes('dist/apps')));
  });

  it('when the reader of its output goes away', { tags: 'long', timeout: 240_000 }, async () => {
    const running = start(demo);
    await until(async () => running.printed.out.includes('Everything is up'));
    running.process.stdout!.destroy();
    expect(await running.ended).toBe(0);
    await expectNothingLeft(running);
  });

  it(
    'when the start fails: the reason is one message, without a stack',
    { tags: 'long', timeout: 120_000 },
    async () => {
      const running = start(demo, { SCORER_MODEL_DIR: '/nowhere/a-model' });
      expect(await running.ended).toBe(1);
      expect(running.printed.err).toContain('/nowhere/a-model');
      expect(running.printed.err).not.toMatch(/^\s+at /m);
      expect((await descendants(running.mark)).map(({ command }) => command)).toEqual([]);
    },
  );
});

function start(
  [command, ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Demonstration {
  const mark = `TESTSTRIP_TEST=${randomUUID()}`;
  const [name, value] = mark.split('=') as [string, string];
  const { npm_lifecycle_event: _npm, ...inherited } = process.env;
  const child = spawn(command!, args, {
    env: { ...inherited, ...environment, TMPDIR: temporary, [name]: value },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (printed.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed.err += chunk.toString()));
  const ended = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  const demonstration = { process: child, printed, ended, mark };
  started.push(demonstration);
  return demonstration;
}

async function expectNothingLeft({ mark, printed }: Demonstration): Promise<void> {
  await until(async () => (await descendants(mark)).length === 0);
  expect(printed.err).toBe('');
}

async function descendants(mark: string): Promise<readonly { readonly pid: number; readonly command: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [environment, command] = await Promise.all(
        ['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
      );
      const marked = environment!.split('\0').includes(mark);
      return marked ? [{ pid: Number(pid), command: command!.replaceAll('\0', ' ') }] : [];
    }),
  );
  return found.flat();
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 110_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('did not happen within 110 s');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
