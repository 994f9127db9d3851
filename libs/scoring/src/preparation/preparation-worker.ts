import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { preprocessing } from '../preprocessing/preprocessing.js';
import type { PreparationReply, PreparationRequest, PreparationWorkerData } from './preparation-messages.js';
import { preparePicture } from './prepare-picture.js';

// Runs in a worker thread of its own: to resize a large picture takes tens of milliseconds, which nobody's requests should wait for.

const { mode, steps, limits, memory } = workerData as PreparationWorkerData;
const port = parentPort!;
const work = { limits, preprocessing: preprocessing(mode, steps) };
const output = new Uint8Array(memory);
// As many pictures are decoded at a time as there are threads like this one: each of them needs one of the library's.
sharp.concurrency(1);

port.on('message', (request: PreparationRequest) => void answer(request));

async function answer({ id, bytes, at }: PreparationRequest): Promise<void> {
  const picture = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reply: PreparationReply = await preparePicture(picture, work, { output, at }).then(
    (prepared) => ({ id, picture: prepared }),
    (error: Error) => ({ id, error: error.message }),
  );
  port.postMessage(reply);
}
