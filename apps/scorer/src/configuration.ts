import { join } from 'node:path';
import { z } from 'zod';
import { commonVariables, documented, variables } from '#libs/platform';
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
  SCORER_FETCH_CONCURRENCY: documented(variables.integer.min(1).default(8), 'Pictures fetched at the same time.'),
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
    limits: { maxBytes: config.SCORER_MAX_IMAGE_BYTES, maxPixels: config.SCORER_MAX_IMAGE_PIXELS },
    timeoutMs: config.SCORER_FETCH_TIMEOUT_MS,
    fetchConcurrency: config.SCORER_FETCH_CONCURRENCY,
    sampling: { rate: config.SCORER_SAMPLE_RATE, sampleAboveLag: config.SCORER_SAMPLE_ABOVE_LAG },
  };
}
