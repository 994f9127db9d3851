import { parentPort, workerData } from 'node:worker_threads';
import type { CheckpointDescription } from '../../checkpoint/description.js';
import { openWeights } from '../../checkpoint/open-weights.js';
import { answersBy, reply, type Embedder } from '../answer-requests.js';
import { DeviceRoom } from '../device-room.js';
import { goldenPixels } from '../golden.js';
import { toUnitRows } from '../unit-rows.js';
import type { WorkerRequest } from '../worker-messages.js';
import { loadTowers } from './load-towers.js';
import { pieceSize } from './pieces.js';
import { startBackend, type StartedBackend } from './tfjs-backend.js';
import type { TfjsWorkerData } from './tfjs-messages.js';
import type { Tensor } from './tfjs-ops.js';

// Runs in a worker thread of its own: all backends but webgpu compute synchronously and would block the event loop of the service.

const { backend, model } = workerData as TfjsWorkerData;
const port = parentPort!;
const started = await startBackend(backend);
const embedder = model === null ? undefined : await embedderOf(started, model.directory, model.description);
const answer = answersBy(port, { embedder, stop: started.stop });

// One after the other: two batches at once would need twice the memory and be no faster.
let last = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  last = last.then(() => answer(request));
});
reply(port, { kind: 'ready', device: started.device });

async function embedderOf(
  { tf }: StartedBackend,
  directory: string,
  description: CheckpointDescription,
): Promise<Embedder> {
  const { image, text, dimension } = description;
  const weights = await openWeights(directory);
  const towers = await loadTowers(tf, weights, description);
  await weights.close();
  const pictureBytes = image.side ** 2 * 3;
  const patches = Math.floor(image.side / image.patch) ** 2;
  const rowsOf = async (embedded: Tensor, count: number): Promise<Float32Array> => {
    const rows = await embedded.data();
    embedded.dispose();
    if (rows.length !== count * dimension) {
      throw new Error(`${rows.length} numbers came for ${count} items, expected ${dimension} each`);
    }
    return rows;
  };
  const embed = async (
    count: number,
    room: DeviceRoom,
    piece: (from: number, count: number) => Tensor,
  ): Promise<Float32Array<ArrayBuffer>> => {
    const all = new Float32Array(count * dimension);
    await room.inPieces(count, async (from, size) => {
      all.set(await rowsOf(piece(from, size), size), from * dimension);
    });
    toUnitRows(all, dimension);
    return all;
  };
  const room = {
    images: new DeviceRoom(pieceSize(backend, image, patches + 1)),
    texts: new DeviceRoom(pieceSize(backend, text, text.contextLength)),
  };
  const made: Embedder = {
    images: (pixels, count) =>
      embed(count, room.images, (from, size) =>
        towers.images.embed({
          pixels: pixels.subarray(from * pictureBytes, (from + size) * pictureBytes),
          count: size,
        }),
      ),
    texts: async (ids) => {
      for (const row of ids) expectKnownTokens(row, text.vocabulary);
      return embed(ids.length, room.texts, (from, size) => towers.texts.embed(ids.slice(from, from + size)));
    },
  };
  // Shaders are compiled and memory is taken with the first ones. A model that gives no unit vector for these gives none at all.
  expectFinite('picture', await made.images(goldenPixels(1, image.side), 1));
  expectFinite('text', await made.texts([Int32Array.of(text.endOfText)]));
  return made;
}

function expectFinite(what: string, embedding: Float32Array): void {
  if (!embedding.every(Number.isFinite)) {
    throw new Error(`the embedding of the first ${what} is not finite, expected a unit vector`);
  }
}

/** Backends read whatever lies behind a table instead of refusing. */
function expectKnownTokens(ids: Int32Array, vocabulary: number): void {
  const unknown = ids.find((id) => id < 0 || id >= vocabulary);
  if (unknown !== undefined)
    throw new RangeError(`token ${unknown} is none of the model's, expected 0 to ${vocabulary - 1}`);
}
