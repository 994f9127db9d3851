import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyClip, writeTinyClip } from '#libs/testing/tiny-clip';
import { loadClipModel, type ClipModel } from '../model/model-directory.js';
import { onnxEngine } from './onnx-engine.js';

let directory: string;
let model: ClipModel;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-engine-'));
  await writeTinyClip(directory);
  model = await loadClipModel(directory);
});
afterAll(() => rm(directory, { recursive: true }));

const pixels = (count: number) =>
  Uint8Array.from({ length: count * tinyClip.side ** 2 * 3 }, (_, index) => (index * 37) % 251);

describe('the engine onnx', () => {
  it('tells those who wait when its worker dies, says so, and starts another one for the next request', async () => {
    const engine = await onnxEngine.start(model, { threads: 1 });
    const before = await engine.embedImages(pixels(3), 3);
    const worker = await (engine as unknown as { worker: Promise<Worker> }).worker;
    // Ended between two requests: ending a thread inside native code may take the process along.
    const ended = worker.terminate();
    const lost = expect(engine.embedImages(pixels(64), 64)).rejects.toThrow(
      'the engine onnx stopped: its worker ended with code 1',
    );
    await ended;
    await lost;
    expect(engine.failure()).toContain('its worker ended');
    expect(await engine.embedImages(pixels(3), 3)).toEqual(before);
    expect(engine.failure()).toBeUndefined();
    await engine.close();
  });

  it('rejects a broken request and goes on', async () => {
    const engine = await onnxEngine.start(model, { threads: 1 });
    const outside = new Int32Array(tinyClip.contextLength).fill(999);
    await expect(engine.embedTexts([outside])).rejects.toThrow(
      /the engine onnx failed: .*indices element out of data bounds/s,
    );
    expect((await engine.embedImages(pixels(1), 1)).length).toBe(tinyClip.dimension);
    await engine.close();
  });
});
