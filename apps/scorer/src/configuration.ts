import { join } from 'node:path';
import { z } from 'zod';
import { commonVariables, ConfigurationError, documented, variables } from '#libs/platform';
import { defaultPictureLimits, engineNames } from '#libs/scoring';
import type { ScorerSettings } from './scorer-settings.js';

/** Variables of the scorer. */
export const scorerVariables = {
  SCORER_PORT: documented(variables.port.default(8083), 'Port of health and metrics; 0 takes any free one.'),
  SCORER_GROUP: documented(variables.text.default('scorer'), 'Consumer group; scorers of one group share the work.'),
  SCORER_MODEL_DIR: documented(
    variables.text.default('models/scenes-clip'),
    'Folder of a CLIP model in the directory layout of Hugging Face.',
  ),
  SCORER_ENGINE: documented(
    z.enum(['auto', ...engineNames]).default('auto'),
    `What computes: ${['auto', ...engineNames].map((name) => `\`${name}\``).join(', ')}.`,
  ),
  SCORER_PREPROCESSING: documented(
    z.enum(['exact', 'fast']).default('exact'),
    '`exact` gives the numbers of the reference implementation, `fast` resizes with the image library.',
  ),
  SCORER_PRECISION: documented(
    z.enum(['f32', 'f16']).default('f32'),
    'In which the engine computes: `f16` is for GPUs, where it is faster and takes half the memory.',
  ),
  SCORER_THREADS: documented(variables.integer.min(1).default(1), 'Threads of the engine.'),
  SCORER_IMAGE_ROOTS: documented(
    variables.list.optional(),
    'Comma-separated folders that pictures with `file:` addresses are read from.',
    { defaultIs: 'pictures in DATA_DIR' },
  ),
  SCORER_IMAGE_HOSTS: documented(
    variables.list.default([]),
    'Comma-separated `host`, `host:port` or `*.domain` that pictures are fetched from.',
  ),
  SCORER_S3_BUCKETS: documented(
    variables.list.default([]),
    'Comma-separated buckets that `s3:` pictures are read from, with the region and the credentials that the AWS SDK finds.',
  ),
  SCORER_S3_ENDPOINT: documented(
    z.url().optional(),
    'Address of an S3-compatible store, such as MinIO; its buckets are in its paths.',
    { defaultIs: "Amazon's" },
  ),
  SCORER_GS_BUCKETS: documented(
    variables.list.default([]),
    'Comma-separated buckets that `gs:` pictures are read from by signed addresses; needs `SCORER_GS_KEY_FILE`.',
  ),
  SCORER_GS_KEY_FILE: documented(
    variables.text.optional(),
    'JSON file with the key of a Google service account that may read the objects of `SCORER_GS_BUCKETS`.',
    { defaultIs: 'none' },
  ),
  SCORER_GS_ENDPOINT: documented(
    z.url().default('https://storage.googleapis.com'),
    'Address of Google Cloud Storage, or of what stands in for it.',
  ),
  SCORER_MAX_IMAGE_BYTES: documented(
    variables.integer.min(1).default(defaultPictureLimits.maxBytes),
    'Largest picture in bytes; larger ones are refused.',
  ),
  SCORER_MAX_IMAGE_PIXELS: documented(
    variables.integer.min(1).default(defaultPictureLimits.maxPixels),
    'Largest picture in pixels; larger ones are refused.',
  ),
  SCORER_FETCH_TIMEOUT_MS: documented(
    variables.milliseconds.min(1).default(5000),
    'Longest time in milliseconds of one attempt to fetch a picture.',
  ),
  SCORER_FETCH_DEADLINE_MS: documented(
    variables.milliseconds.min(1).default(10_000),
    'Longest time in milliseconds that a picture which does not come is tried for; a host that answers nothing for so long is given up until it does.',
  ),
  SCORER_FETCH_CONCURRENCY: documented(
    variables.integer.min(1).default(8),
    'Pictures fetched at the same time from one host.',
  ),
  SCORER_FETCHED_BYTES: documented(
    variables.integer.min(1).default(256 * 1024 * 1024),
    'Bytes of fetched pictures in memory at the same time; what finds no room waits.',
  ),
  SCORER_DECODE_THREADS: documented(
    variables.integer.min(0).default(1),
    'Threads that decode and resize pictures; 0: the service’s own thread does, which stands still meanwhile.',
  ),
  SCORER_SAMPLE_RATE: documented(
    variables.number.min(0).max(1).default(1),
    'Share of the generations that is scored, 0 to 1.',
  ),
  SCORER_SAMPLE_ABOVE_LAG: documented(
    variables.integer.min(1).optional(),
    'When more generations than this are waiting, only a part of them is scored.',
    { defaultIs: 'never a smaller share' },
  ),
  DATA_DIR: commonVariables.DATA_DIR,
} as const;

/** The scorer's settings from its variables. */
export function scorerSettings(config: z.output<z.ZodObject<typeof scorerVariables>>): ScorerSettings {
  return {
    group: config.SCORER_GROUP,
    modelDirectory: config.SCORER_MODEL_DIR,
    engine: config.SCORER_ENGINE,
    preprocessing: config.SCORER_PREPROCESSING,
    precision: config.SCORER_PRECISION,
    cacheDirectory: join(config.DATA_DIR, 'graphs'),
    threads: config.SCORER_THREADS,
    roots: config.SCORER_IMAGE_ROOTS ?? [join(config.DATA_DIR, 'pictures')],
    hosts: config.SCORER_IMAGE_HOSTS,
    ...bucketSettings(config),
    limits: { maxBytes: config.SCORER_MAX_IMAGE_BYTES, maxPixels: config.SCORER_MAX_IMAGE_PIXELS },
    timeoutMs: config.SCORER_FETCH_TIMEOUT_MS,
    deadlineMs: config.SCORER_FETCH_DEADLINE_MS,
    fetchedBytes: config.SCORER_FETCHED_BYTES,
    decodeThreads: config.SCORER_DECODE_THREADS,
    fetchConcurrency: config.SCORER_FETCH_CONCURRENCY,
    sampling: { rate: config.SCORER_SAMPLE_RATE, sampleAboveLag: config.SCORER_SAMPLE_ABOVE_LAG },
  };
}

function bucketSettings(config: z.output<z.ZodObject<typeof scorerVariables>>): Pick<ScorerSettings, 's3' | 'gs'> {
  const { SCORER_S3_BUCKETS, SCORER_S3_ENDPOINT, SCORER_GS_BUCKETS, SCORER_GS_KEY_FILE, SCORER_GS_ENDPOINT } = config;
  const endpoint = SCORER_S3_ENDPOINT === undefined ? {} : { endpoint: SCORER_S3_ENDPOINT };
  if (SCORER_GS_BUCKETS.length > 0 && SCORER_GS_KEY_FILE === undefined) {
    throw new ConfigurationError([
      'SCORER_GS_BUCKETS needs SCORER_GS_KEY_FILE: the key that signs addresses of their objects',
    ]);
  }
  return {
    ...(SCORER_S3_BUCKETS.length > 0 && { s3: { buckets: SCORER_S3_BUCKETS, ...endpoint } }),
    ...(SCORER_GS_KEY_FILE !== undefined && {
      gs: { buckets: SCORER_GS_BUCKETS, keyFile: SCORER_GS_KEY_FILE, endpoint: SCORER_GS_ENDPOINT },
    }),
  };
}
