import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { answersBy, reply } from './answer-requests.js';
import { BATCH_SIZES, cutIntoBatches } from './batches.js';
import { DeviceRoom } from './device-room.js';
import type { OnnxWorkerData } from './onnx-messages.js';
import type { WorkerRequest } from './worker-messages.js';

// Runs in a worker thread of its own: `session.run` computes synchronously and would block the event loop of the service.
// Imports nothing but its neighbours and onnxruntime, so that it loads from the source as well as from the build.

const { graphs, side, contextLength, dimension, endOfText, threads, provider } = workerData as OnnxWorkerData;
const port = parentPort!;
const pictureBytes = side * side * 3;
/** Of a unit vector that was computed in single precision. */
const LENGTH_TOLERANCE = 1e-3;

const images = await open(graphs.image, 'pixels', 'uint8', [undefined, side, side, 3]);
const texts = await open(graphs.text, 'input_ids', 'int64', [undefined, contextLength]);
const room = { images: new DeviceRoom(BATCH_SIZES[0]), texts: new DeviceRoom(BATCH_SIZES[0]) };
/** A graph with a symbolic length computes no more than the longest text of a batch needs. */
const fixedTextLength = lengthOf(texts.inputMetadata[0]);
// One of each: larger batches plan their memory when they come. A model that gives no unit vector for these gives none at all.
requireFinite(graphs.image, await embedImages(noise(pictureBytes), 1));
requireFinite(graphs.text, await embedTexts([Int32Array.of(endOfText)]));

const answer = answersBy(port, {
  embedder: { images: embedImages, texts: embedTexts },
  stop: async () => {
    await Promise.all([images.release(), texts.release()]);
  },
});
port.on('message', (request: WorkerRequest) => void answer(request));
reply(port, { kind: 'ready', device: `onnxruntime on ${provider}` });

async function embedImages(pixels: Uint8Array<ArrayBuffer>, count: number): Promise<Float32Array<ArrayBuffer>> {
  return embed({ session: images, input: 'pixels', room: room.images }, count, (from, used, size) => {
    const data = bytesFrom(pixels, from * pictureBytes, { used: used * pictureBytes, wanted: size * pictureBytes });
    return new Tensor('uint8', data, [size, side, side, 3]);
  });
}

/** Pictures that only fill up the batch are what lies behind in the buffer, where it is long enough: nobody reads their rows. */
function bytesFrom(
  { buffer, byteOffset }: Uint8Array<ArrayBuffer>,
  from: number,
  { used, wanted }: { readonly used: number; readonly wanted: number },
): Uint8Array {
  const at = byteOffset + from;
  if (at + wanted <= buffer.byteLength) return new Uint8Array(buffer, at, wanted);
  const copied = new Uint8Array(wanted);
  copied.set(new Uint8Array(buffer, at, used));
  return copied;
}

async function embedTexts(ids: readonly Int32Array[]): Promise<Float32Array<ArrayBuffer>> {
  return embed({ session: texts, input: 'input_ids', room: room.texts }, ids.length, (from, used, size) => {
    const given = ids.slice(from, from + used);
    const length = fixedTextLength ?? Math.max(...given.map((text) => text.length));
    const data = new BigInt64Array(size * length);
    for (let row = 0; row < size; row += 1) {
      // Rows that only fill up the batch repeat the first text: zeros would be no valid one.
      const text = given[row] ?? given[0]!;
      for (let column = 0; column < length; column += 1) {
        data[row * length + column] = BigInt(text[Math.min(column, text.length - 1)]!);
      }
    }
    return new Tensor('int64', data, [size, length]);
  });
}

interface Tower {
  readonly session: InferenceSession;
  /** Its input's name. */
  readonly input: string;
  readonly room: DeviceRoom;
}

async function embed(
  { session, input, room: roomOf }: Tower,
  count: number,
  tensorOf: (from: number, used: number, size: number) => Tensor,
): Promise<Float32Array<ArrayBuffer>> {
  const embeddings = new Float32Array(count * dimension);
  // Where the device's memory is full, halves of a batch may still fit.
  await roomOf.inPieces(count, async (start, pieces) => {
    for (const batch of cutIntoBatches(pieces)) {
      const from = start + batch.from;
      const { embedding } = await session.run({ [input]: tensorOf(from, batch.count, batch.size) });
      const data = embedding!.data as Float32Array;
      if (embedding!.dims.join() !== `${batch.size},${dimension}`) {
        throw new Error(
          `the graph of ${input} gives [${embedding!.dims.join(', ')}] for ${batch.size} items, expected [${batch.size}, ${dimension}]`,
        );
      }
      embeddings.set(data.subarray(0, batch.count * dimension), from * dimension);
    }
  });
  for (let from = 0; from < embeddings.length; from += dimension) {
    rejectOtherLengths(embeddings.subarray(from, from + dimension));
  }
  return embeddings;
}

/** A row that has not length 1 says nothing of its item and is NaN throughout from here on; the others keep theirs. */
function rejectOtherLengths(row: Float32Array): void {
  if (!(Math.abs(lengthOfRow(row) - 1) <= LENGTH_TOLERANCE)) row.fill(NaN);
}

function lengthOfRow(row: Float32Array): number {
  let squares = 0;
  for (let at = 0; at < row.length; at += 1) squares += row[at]! ** 2;
  return Math.sqrt(squares);
}

function requireFinite(graph: string, embedding: Float32Array): void {
  if (!embedding.every(Number.isFinite)) {
    throw new Error(
      `${graph}: the embedding of the first item is not finite or has another length than 1, expected a unit vector`,
    );
  }
}

/** A picture of many colours, none of its bytes zero: what a model makes of black is no matter of loading it. */
function noise(bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, index) => 1 + ((index * 37) % 251));
}

async function open(
  graph: string,
  input: string,
  type: string,
  shape: readonly (number | undefined)[],
): Promise<InferenceSession> {
  const session = await InferenceSession.create(graph, {
    // Shapes and indices are computed on the CPU beside a GPU. A provider that can't be loaded is an error, no reason for another one.
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const expected = `${input}: ${type} [${shape.map((size) => size ?? 'batch').join(', ')}]`;
  const [found] = session.inputMetadata;
  const fits =
    session.inputMetadata.length === 1 &&
    found?.isTensor === true &&
    found.name === input &&
    found.type === type &&
    found.shape.length === shape.length &&
    // Symbolic sizes take any value.
    shape.every(
      (size, axis) => size === undefined || typeof found.shape[axis] !== 'number' || found.shape[axis] === size,
    );
  if (!fits) throw new Error(`${graph}: inputs are ${describe(session.inputMetadata)}, expected one, ${expected}`);
  const output = session.outputMetadata.find(({ name }) => name === 'embedding');
  if (output?.isTensor !== true || output.type !== 'float32') {
    const outputs = describe(session.outputMetadata);
    throw new Error(`${graph}: outputs are ${outputs}, expected embedding: float32 [batch, ${dimension}]`);
  }
  return session;
}

function lengthOf(input: InferenceSession.ValueMetadata | undefined): number | undefined {
  const length = input?.isTensor === true ? input.shape[1] : undefined;
  return typeof length === 'number' ? length : undefined;
}

function describe(values: readonly InferenceSession.ValueMetadata[]): string {
  return values
    .map((value) => (value.isTensor ? `${value.name}: ${value.type} [${value.shape.join(', ')}]` : value.name))
    .join('; ');
}
