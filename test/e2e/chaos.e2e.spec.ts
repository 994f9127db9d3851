/** @module-tag long */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('counts everything once, and decides the same, whatever of it is killed, stopped or slow', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'teststrip-chaos-spec-'));
  const out = join(folder, 'report');
  // Of seed 117: a stopped recorder, a killed router, a killed analyzer, and Postgres killed under all of them.
  const options = ['--kills', '4', '--seed', '117', '--rate', '15', '--out', out];
  // Without the paths of tsconfig.json: the services are the compiled ones.
  const settings = join(folder, 'tsconfig.json');
  await writeFile(settings, '{ "compilerOptions": { "target": "es2023", "module": "nodenext" } }');
  const child = spawn(process.execPath, ['--import', 'tsx', 'lab/chaos/chaos.ts', ...options], {
    env: { ...process.env, TSX_TSCONFIG_PATH: settings },
    stdio: 'ignore',
  });
  try {
    const code = await new Promise((resolve) => child.once('exit', resolve));
    const report = JSON.parse(await readFile(`${out}.json`, 'utf8')) as { differences: unknown; figures: unknown };
    expect(report.differences).toEqual([]);
    expect(report.figures).toMatchObject({ 'requests that failed': 0, 'places of evidence compared': 12 });
    expect(code).toBe(0);
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}, 600_000);
