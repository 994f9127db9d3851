import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

  it('measures engines by batch', async () => {
    const words = ['--engine', 'onnx', '--batch', '1,3', '--seconds', '0.05', '-o', 'json'];
    const { code, out } = await run('models', 'bench', shipped, ...words);
    expect(code).toBe(exitCodes.done);
    expect(JSON.parse(out).engines).toMatchObject([
      { engine: 'onnx-cpu', outcome: 'measured', speeds: [{ batch: 1 }, { batch: 3 }] },
    ]);
    expect(JSON.parse(out).engines[0].speeds[1].picturesPerSecond).toBeGreaterThan(1);
    expect((await run('models', 'bench', shipped, '--batch', '0')).err).toContain('--batch 0: expected whole numbers');
  });

  it('puts a head in, which the manifest lists, and refuses one of other embeddings', async () => {
    const model = join(folder, 'scenes');
    const layer = { weight: [Array.from({ length: 128 }, () => 0.1)], bias: [0] };
    await writeFile(join(folder, 'taste.json'), JSON.stringify({ name: 'x', output: 'score', layers: [layer] }));
    const { code, out } = await run('models', 'add', model, '--head', join(folder, 'taste.json'));
    expect(code).toBe(exitCodes.done);
    expect(out).toMatch(/heads {6}clean, taste\n/);
    const manifest = JSON.parse(await readFile(join(model, 'manifest.json'), 'utf8'));
    expect(manifest.files.map(({ path }: { path: string }) => path)).toContain('heads/taste.json');
    layer.weight[0]!.push(0.1);
    await writeFile(join(folder, 'longer.json'), JSON.stringify({ name: 'x', output: 'score', layers: [layer] }));
    const longer = await run('models', 'add', model, '--head', join(folder, 'longer.json'));
    expect(longer).toMatchObject({ code: exitCodes.usage, err: expect.stringContaining('takes 129 numbers') });
  });

  it('says what was expected where there is no model, or no such engine', async () => {
    const none = await run('models', 'list', 'docs');
    expect(none).toMatchObject({ code: exitCodes.usage, err: expect.stringContaining('expected a config.json') });
    const engine = await run('models', 'verify', shipped, '--engine', 'abacus');
    expect(engine.err).toContain('no engine is called "abacus", expected one of auto, onnx');
  });
});
