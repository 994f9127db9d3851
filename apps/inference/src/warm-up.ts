import { eventSource } from '#libs/contracts';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EXAMPLE_PROMPT } from '#libs/scenes';
import { createTelemetry } from '#libs/telemetry';
import { type InferenceOptions, startInference } from './inference-server.js';

/** Requests in flight: enough that the process never waits for one. */
const AT_A_TIME = 8;

/**
 * Makes pictures for nobody before the service is ready: the whole way of a request, over HTTP, without GPU time and without a
 * word to the bus. A cold process answers its first thousands of requests a fifth slower than a warm one (its code is not yet
 * compiled), and of a candidate that was started for the experiment a guardrail on latency would rightly make that harm.
 * @param requests as many as that takes; 0 for none.
 */
export async function warmUp(options: InferenceOptions, requests: number): Promise<void> {
  if (requests === 0) return;
  const pictureFolder = join(options.pictureFolder, `warm-up-${process.pid}`);
  const rehearsal = await startInference({
    ...options,
    telemetry: createTelemetry({
      bus: { publish: () => Promise.resolve() },
      service: options.service,
      source: eventSource('inference', 'warm-up'),
    }),
    pictureFolder,
    keepPictures: 2 * AT_A_TIME,
    host: '127.0.0.1',
    port: 0,
    gpuTimeFactor: 0,
  });
  try {
    const url = new URL(`/v1/services/${options.service}/generations`, rehearsal.url);
    let left = requests;
    const inTurn = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ prompt: EXAMPLE_PROMPT, seed: left }),
        });
        // A kernel that crashes is part of some configurations.
        await response.arrayBuffer();
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, inTurn));
  } finally {
    await rehearsal.close();
    await rm(pictureFolder, { recursive: true, force: true });
  }
}
