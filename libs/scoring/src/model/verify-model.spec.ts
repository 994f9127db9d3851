import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeTinyCheckpoint, writeTinyClip } from '#libs/testing/tiny-clip';
import { inspectModel } from './inspect-model.js';
import { verifyModel, type ModelCheck } from './verify-model.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-models-'));
});
afterEach(() => rm(directory, { recursive: true }));

const options = { engine: 'onnx', precision: 'f32', threads: 1 } as const;
const outcomes = (checks: readonly ModelCheck[]) => checks.map(({ what, outcome }) => `${what} ${outcome}`);

/** Changes the stored header or numbers of `model.safetensors`; lengths stay. */
async function changeWeights(change: (bytes: Buffer) => void): Promise<void> {
  const file = join(directory, 'model.safetensors');
  const bytes = await readFile(file);
  change(bytes);
  await writeFile(file, bytes);
}

describe('inspectModel', () => {
  it('says what a checkpoint is, how large, and what it brings along', async () => {
    expect(await inspectModel('models/scenes-clip')).toMatchObject({
      outcome: 'usable',
      description: { family: 'clip' },
      weights: { types: ['F16'] },
      hasGraphs: true,
      golden: { pictures: expect.any(Number) },
    });
    await writeTinyCheckpoint(directory, { parts: 2 });
    const inspected = await inspectModel(directory);
    expect(inspected).toMatchObject({ outcome: 'usable', hasGraphs: false, golden: null, heads: [] });
    expect(inspected.outcome === 'usable' && inspected.weights).toMatchObject({ types: ['F32'] });
  });

  it('says the file and the field that are refused', async () => {
    await writeTinyCheckpoint(directory);
    const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
    config.vision_config.hidden_act = 'swish';
    await writeFile(join(directory, 'config.json'), JSON.stringify(config));
    expect(await inspectModel(directory)).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/config\.json.*vision_config\.hidden_act.*swish/),
    });
  });

  it('refuses weights that are none, where there are no graphs to do without', async () => {
    await writeTinyCheckpoint(directory);
    await rm(join(directory, 'model.safetensors'));
    expect(await inspectModel(directory)).toMatchObject({ outcome: 'refused' });
    await writeTinyClip(directory);
    await rm(join(directory, 'model.safetensors'));
    expect(await inspectModel(directory)).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(
        /^head "clean" was trained on the embeddings [0-9a-f]{64}, those of "tiny-clip" are/,
      ),
    });
    await rm(join(directory, 'heads'), { recursive: true });
    expect(await inspectModel(directory)).toMatchObject({ outcome: 'usable', weights: null });
  });
});

describe('verifyModel', () => {
  it('passes the model that ships, down to its golden embeddings', async () => {
    const checks = await verifyModel('models/scenes-clip', options);
    expect(outcomes(checks)).toEqual([
      'description passed',
      'heads passed',
      'weights passed',
      'engine passed',
      'golden passed',
    ]);
  });

  it('names every tensor that is missing, and does not start an engine on it', async () => {
    await writeTinyCheckpoint(directory);
    await changeWeights((bytes) => {
      for (const name of ['visual_projection', 'text_projection']) bytes.write('x', bytes.indexOf(name));
    });
    const checks = await verifyModel(directory, options);
    expect(outcomes(checks)).toEqual(['description passed', 'weights failed']);
    expect(checks[1]!.detail.split('\n')).toEqual([
      expect.stringContaining('lack visual_projection.weight'),
      expect.stringContaining('lack text_projection.weight'),
    ]);
  });

  it('refuses a head that is bound to no embeddings, and says to which it would be', async () => {
    await writeTinyClip(directory);
    const head = join(directory, 'heads/quality.json');
    const { embedding, ...unbound } = JSON.parse(await readFile(head, 'utf8')) as Record<string, unknown>;
    await writeFile(head, JSON.stringify(unbound));
    const checks = await verifyModel(directory, options);
    expect(outcomes(checks)).toEqual(['description failed']);
    expect(checks[0]!.detail).toContain(`"embedding": "${String(embedding)}"`);
  });

  it('finds a number that is not finite', async () => {
    await writeTinyCheckpoint(directory);
    await changeWeights((bytes) => bytes.writeFloatLE(NaN, bytes.length - 4));
    const checks = await verifyModel(directory, options);
    expect(checks[1]).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('holds NaN') });
  });

  it('tells golden embeddings that do not come out', async () => {
    await writeTinyCheckpoint(directory);
    const turned = {
      source: 'nothing',
      pictures: [[1, 0, 0, 0, 0, 0]],
      texts: [{ ids: [0, 11], embedding: [1, 0, 0, 0, 0, 0] }],
    };
    await writeFile(join(directory, 'golden.json'), JSON.stringify(turned));
    const checks = await verifyModel(directory, options);
    expect(outcomes(checks).slice(2)).toEqual(['engine passed', 'golden failed']);
  });
});
