import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { exitCodes } from '../exit-codes.js';
import { runCommand } from '../run-command.js';

const shipped = 'models/scenes-clip';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-models-'));
  await cp(shipped, join(folder, 'scenes'), { recursive: true });
  await cp(shipped, join(folder, 'other'), { recursive: true });
  await writeFile(join(folder, 'other', 'config.json'), JSON.stringify({ model_type: 'bert' }));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

async function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((texts.out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((texts.err += String(text)), true));
  const code = await runCommand(words, new AbortController().signal);
  return { code, ...texts };
}

describe('teststrip models', () => {
  it('lists what is in a folder: what each is, and why one is refused', async () => {
    const { code, out } = await run('models', 'list', folder);
    expect(code).toBe(exitCodes.done);
    expect(out).toMatch(/scenes\n {2}model .*\n {2}pictures {3}ViT, \d+ layers of \d+, patches of \d+ px/);
    expect(out).toMatch(/digest {5}[0-9a-f]{64}, of its embeddings [0-9a-f]{64}\n/);
    expect(out).toMatch(/other\n {2}refused {2}.*config\.json: model_type: .*expected one of "clip"\|"siglip"/);
  });

  it('verifies one, with an exit code for pipelines', async () => {
    const good = await run('models', 'verify', shipped);
    expect(good.out).toMatch(/weights {6}passed: .* finite\n {2}engine {7}passed: onnx-cpu .*\n {2}golden {7}passed/);
    expect(good.code).toBe(exitCodes.done);
    const bad = await run('models', 'verify', join(folder, 'other'), '-o', 'json');
    expect(JSON.parse(bad.out).checks).toMatchObject([{ what: 'description', outcome: 'failed' }]);
    expect(bad.code).toBe(exitCodes.usage);
    expect(bad.err).toContain("can't be used");
  });

  it('says what was expected where there is no model, or no such engine', async () => {
    const none = await run('models', 'list', 'docs');
    expect(none).toMatchObject({ code: exitCodes.usage, err: expect.stringContaining('expected a config.json') });
    const engine = await run('models', 'verify', shipped, '--engine', 'abacus');
    expect(engine.err).toContain('no engine is called "abacus", expected one of auto, onnx');
  });
});
