import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { INSTANCE_HEADER, type VariantConfig } from '#libs/contracts';
import {
  limitBody,
  limitRest,
  listen,
  parseInput,
  type Problem,
  ProblemException,
  readRequestBody,
  sendJson,
  sendProblem,
} from '#libs/platform';
import { EXAMPLE_PROMPT, parsePrompt, SCENE_GRAMMAR, type Scene } from '#libs/scenes';
import { fingerprintOf, readRequestContext, type Telemetry } from '#libs/telemetry';
import { z } from 'zod';
import { GpuPool } from './gpu-pool.js';
import { PictureStore, type StoredPicture } from './picture-store.js';
import { createSimulatedModel } from './simulated-model.js';

/** Everything about a simulated service that an operator may choose. */
export interface InferenceSettings {
  readonly service: string;
  /** Name of this process among those of its variant; its answers carry it. */
  readonly instance: string;
  readonly config: VariantConfig;
  /** Folder for the pictures; one sub-folder per service instance is made in it. */
  readonly pictureFolder: string;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Simulated GPUs; jobs beyond wait. */
  readonly gpus: number;
  /** Pictures kept on disk besides those that are remembered; older ones are deleted. */
  readonly keepPictures: number;
  /**
   * Pictures remembered, by prompt and seed, and answered again without being drawn: what the host of a service is spared whose
   * pictures are made on GPUs of its own. Default 0.
   */
  readonly rememberPictures?: number;
  /** Pictures made for nobody before it is ready, see `warmUp`. */
  readonly warmUpRequests: number;
  /** The reports service, where its events go by HTTP; undefined: to the bus. */
  readonly eventsUrl?: string | undefined;
  readonly eventsToken?: string | undefined;
  /** Folder for events that can't be sent for long; undefined: they are dropped. */
  readonly eventsSpool?: string | undefined;
}

export interface InferenceOptions extends Omit<
  InferenceSettings,
  'warmUpRequests' | 'eventsUrl' | 'eventsToken' | 'eventsSpool'
> {
  readonly telemetry: Telemetry;
  /** Simulated times are multiplied by this; 0 leaves the work that is really done. Default 1. */
  readonly gpuTimeFactor?: number;
}

export interface RunningInference {
  close(): Promise<void>;
  readonly url: string;
  readonly fingerprint: string;
}

/** What it can be asked for. */
export const generationRequest = z.object({
  prompt: z
    .string()
    .min(1)
    .max(1_000)
    .meta({ examples: ['a large red circle at the left on a sand background'] }),
  seed: z.int().min(0).max(0xffff_ffff).optional(),
});

const LARGEST_BODY_BYTES = 64 * 1024;
const CRASH = 'the attention kernel crashed: illegal memory access';

/**
 * A simulated diffusion service: an honest HTTP server with its own queue, errors, pictures and telemetry.
 * `POST /v1/services/{service}/generations` with `{"prompt", "seed"?}` answers JSON, or the picture itself with `Accept: image/png`.
 * Plain node:http on purpose: it stands for somebody else's service, to which only the telemetry library is added.
 */
export async function startInference(options: InferenceOptions): Promise<RunningInference> {
  const fingerprint = fingerprintOf(options.config);
  const service = new InferenceService(options, fingerprint);
  const server = createServer((request, response) => {
    limitBody(request, response);
    response.once('close', () => limitRest(request));
    void service.answer(request, response);
  });
  server.keepAliveTimeout = 60_000;
  await listen(server, { port: options.port, host: options.host, variable: 'INFERENCE_PORT' });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}/`,
    fingerprint,
    async close() {
      server.closeIdleConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await options.telemetry.close();
    },
  };
}

class InferenceService {
  private readonly model;
  private readonly gpus: GpuPool;
  private readonly pictures: PictureStore;
  private readonly remembered = new Map<string, StoredPicture>();
  /** Holds as many as are remembered, so that none of them is deleted for a newer one. */
  private readonly lasting: PictureStore;
  private readonly path: string;

  constructor(
    private readonly options: InferenceOptions,
    private readonly fingerprint: string,
  ) {
    this.model = createSimulatedModel(options.config, fingerprint);
    this.gpus = new GpuPool(options.gpus);
    const folder = join(options.pictureFolder, `${options.service}-${fingerprint}`);
    this.pictures = new PictureStore(folder, options.keepPictures);
    this.lasting = new PictureStore(folder, this.rememberAtMost);
    this.path = `/v1/services/${options.service}/generations`;
  }

  private get rememberAtMost(): number {
    return this.options.rememberPictures ?? 0;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      response.setHeader(INSTANCE_HEADER, this.options.instance);
      if (request.method === 'GET' && request.url === '/health') {
        return sendJson(response, {
          status: 'ok',
          config: this.options.config,
          fingerprint: this.fingerprint,
          queued: this.gpus.queued,
        });
      }
      if (request.method !== 'POST' || request.url !== this.path) {
        const detail = `${request.method} ${request.url}: expected POST ${this.path} or GET /health`;
        return sendProblem(response, { title: 'Not found', status: 404, detail });
      }
      await this.generate(request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else if (error instanceof ProblemException) sendProblem(response, error.getResponse() as Problem);
      else sendProblem(response, generationFailed((error as Error).message));
    }
  }

  private async generate(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const read = await readRequestBody(request, LARGEST_BODY_BYTES);
    const body = parseInput(generationRequest, read?.value ?? {}, 'body');
    const parsed = parsePrompt(body.prompt);
    if (!parsed.ok) {
      const { problem } = parsed;
      const title = 'The prompt is not in the scene grammar';
      const shown = { grammar: SCENE_GRAMMAR, example: EXAMPLE_PROMPT };
      return sendProblem(response, { title, status: 422, detail: problem.message, ...shown });
    }
    const seed = body.seed ?? Math.floor(Math.random() * 0x1_0000_0000);
    await this.run(request, response, { prompt: body.prompt, scene: parsed.scene, seed, startedAt });
  }

  private async run(
    request: IncomingMessage,
    response: ServerResponse,
    job: { prompt: string; scene: Scene; seed: number; startedAt: number },
  ): Promise<void> {
    const { model, gpus } = this;
    const timeFactor = this.options.gpuTimeFactor ?? 1;
    const plan = model.plan(job.prompt, job.seed);
    await gpus.acquire();
    const queueMs = performance.now() - job.startedAt;
    const utilisation = gpus.utilisation;
    await sleep(timeFactor * plan.gpuMs);
    gpus.release();
    const generationId = randomUUID();
    const images = plan.crashes ? [] : [this.pictureOf(generationId, job)];
    if (plan.hostMs > 0) await sleep(timeFactor * plan.hostMs);
    const gpuSeconds = plan.gpuMs / 1000;
    this.options.telemetry.generationCompleted({
      request: readRequestContext(request.headers),
      generationId,
      fingerprint: this.fingerprint,
      config: this.options.config,
      prompt: job.prompt,
      seed: job.seed,
      outcome: plan.crashes ? 'server-error' : 'delivered',
      error: plan.crashes ? CRASH : null,
      timings: { queueMs, inferenceMs: plan.gpuMs + plan.hostMs, totalMs: performance.now() - job.startedAt },
      gpu: { seconds: gpuSeconds, utilisation, memoryMiB: model.hardware.memoryMiB },
      cost: gpuSeconds * model.hardware.pricePerGpuSecond,
      images: images.map(({ image }) => image),
    });
    const [picture] = images;
    if (!picture) return sendProblem(response, generationFailed(CRASH));
    if (request.headers.accept === 'image/png') {
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': picture.bytes.length });
      response.end(picture.bytes);
      return;
    }
    sendJson(response, {
      generationId,
      prompt: job.prompt,
      seed: job.seed,
      images: images.map(({ image }) => image),
    });
  }

  /** The same prompt and seed give the same bytes, so a remembered picture is the one that would be drawn. */
  private pictureOf(generationId: string, job: { prompt: string; scene: Scene; seed: number }): StoredPicture {
    const key = `${job.seed} ${job.prompt}`;
    const known = this.remembered.get(key);
    if (known) return known;
    const isRemembered = this.remembered.size < this.rememberAtMost;
    const { pictureSidePx } = this.model;
    const pixels = this.model.draw(job.scene, job.seed);
    const store = isRemembered ? this.lasting : this.pictures;
    const picture = store.save(generationId, pixels, pictureSidePx, pictureSidePx);
    if (isRemembered) this.remembered.set(key, picture);
    return picture;
  }
}

function generationFailed(detail: string): Omit<Problem, 'type'> {
  return { title: 'Generation failed', status: 500, detail };
}
