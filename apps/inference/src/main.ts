import { join } from 'node:path';
import { z } from 'zod';
import { variantConfig } from '#libs/contracts';
import { openBus } from '#libs/messaging';
import {
  announceReady,
  commonVariables,
  createLogger,
  readConfig,
  runUntilSignal,
  variables,
  type Running,
} from '#libs/platform';
import { createTelemetry } from '#libs/telemetry';
import { type InferenceOptions, startInference } from './inference-server.js';
import { warmUp } from './warm-up.js';

await runUntilSignal(start);

async function start(): Promise<Running> {
  const config = readConfig({
    ...commonVariables,
    /** Which service this is an upstream of. */
    SERVICE: variables.text.default('text-to-image'),
    /** The variant's configuration as JSON. */
    VARIANT_CONFIG: z
      .string()
      .default('{"checkpoint":"scenes-1.0","sampler":"dpmpp-2m","steps":24,"precision":"fp16"}')
      .transform((text) => variantConfig.parse(JSON.parse(text))),
    /** 0 takes any free port. */
    INFERENCE_PORT: variables.port.default(8000),
    /** Simulated GPUs. */
    GPUS: variables.integer.min(1).default(96),
    /** Pictures kept on disk. */
    KEEP_PICTURES: variables.integer.min(100).default(20_000),
    /** Pictures that are answered again without being drawn, see `rememberPictures`. */
    REMEMBER_PICTURES: variables.integer.min(0).max(100_000).default(0),
    /** Pictures made for nobody before the service is ready, see `warmUp`. */
    WARM_UP_REQUESTS: variables.integer.min(0).max(100_000).default(0),
    /** Default: `pictures` in DATA_DIR. */
    PICTURE_FOLDER: variables.text.optional(),
  });
  const logger = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, context: 'inference' });
  const { bus, close } = await openBus(config, `inference-${config.SERVICE}`);
  const options: InferenceOptions = {
    service: config.SERVICE,
    config: config.VARIANT_CONFIG,
    telemetry: createTelemetry({
      bus,
      service: config.SERVICE,
      source: `/inference/${config.SERVICE}/${process.pid}`,
      onTrouble: (message) => logger.warn(message),
    }),
    pictureFolder: config.PICTURE_FOLDER ?? join(config.DATA_DIR, 'pictures'),
    host: config.HOST,
    port: config.INFERENCE_PORT,
    gpus: config.GPUS,
    keepPictures: config.KEEP_PICTURES,
    rememberPictures: config.REMEMBER_PICTURES,
  };
  await warmUp(options, config.WARM_UP_REQUESTS);
  const running = await startInference(options);
  announceReady({ url: running.url, fingerprint: running.fingerprint });
  return {
    async close() {
      await running.close();
      await close();
    },
  };
}
