import { join } from 'node:path';
import { z } from 'zod';
import { commonVariables, readConfig, variables } from '#libs/platform';
import { defaultPictureLimits, engineNames } from '#libs/scoring';
import type { ScorerSettings } from './scorer-settings.js';

/** Variables of the scorer besides those that every app understands. */
export const scorerVariables = {
  DATA_DIR: commonVariables.DATA_DIR,
  HOST: commonVariables.HOST,
  /** Port of health and metrics; 0 takes any free one. */
  SCORER_PORT: variables.port.default(8083),
  /** Consumer group. */
  SCORER_GROUP: variables.text.default('scorer'),
  /** A CLIP model in the directory layout of Hugging Face. */
  SCORER_MODEL_DIR: variables.text.default('models/scenes-clip'),
  SCORER_ENGINE: z.enum(['auto', ...engineNames]).default('auto'),
  SCORER_PREPROCESSING: z.enum(['exact', 'fast']).default('exact'),
  /** Threads of the engine. */
  SCORER_THREADS: variables.integer.min(1).default(1),
  /** Comma-separated folders that `file:` pictures are read from. Default: `pictures` in DATA_DIR. */
  SCORER_IMAGE_ROOTS: variables.list.optional(),
  /** Comma-separated `host`, `host:port` or `*.domain` that pictures are fetched from. */
  SCORER_IMAGE_HOSTS: variables.list.default([]),
  SCORER_MAX_IMAGE_BYTES: variables.integer.min(1).default(defaultPictureLimits.maxBytes),
  SCORER_MAX_IMAGE_PIXELS: variables.integer.min(1).default(defaultPictureLimits.maxPixels),
  SCORER_FETCH_TIMEOUT_MS: variables.integer.min(1).default(5000),
  SCORER_FETCH_CONCURRENCY: variables.integer.min(1).default(8),
  /** Share of the generations that is scored. */
  SCORER_SAMPLE_RATE: variables.number.min(0).max(1).default(1),
  /** Waiting generations above which fewer are scored; not set: never fewer. */
  SCORER_SAMPLE_ABOVE_LAG: variables.integer.min(1).optional(),
} as const;

/**
 * The scorer's settings from the environment.
 * @throws ConfigurationError
 */
export function scorerSettings(environment?: Readonly<Record<string, string | undefined>>): ScorerSettings {
  const config = readConfig(scorerVariables, environment);
  return {
    port: config.SCORER_PORT,
    host: config.HOST,
    group: config.SCORER_GROUP,
    modelDirectory: config.SCORER_MODEL_DIR,
    engine: config.SCORER_ENGINE,
    preprocessing: config.SCORER_PREPROCESSING,
    threads: config.SCORER_THREADS,
    roots: config.SCORER_IMAGE_ROOTS ?? [join(config.DATA_DIR, 'pictures')],
    hosts: config.SCORER_IMAGE_HOSTS,
    limits: { maxBytes: config.SCORER_MAX_IMAGE_BYTES, maxPixels: config.SCORER_MAX_IMAGE_PIXELS },
    timeoutMs: config.SCORER_FETCH_TIMEOUT_MS,
    fetchConcurrency: config.SCORER_FETCH_CONCURRENCY,
    sampling: { rate: config.SCORER_SAMPLE_RATE, sampleAboveLag: config.SCORER_SAMPLE_ABOVE_LAG },
  };
}
