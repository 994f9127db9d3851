import { z } from 'zod';

/** Experiment keys, variant names, service names and metric names: lower case, digits, dashes; at most 63 characters. */
export const slug = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'expected lower-case letters, digits and dashes, at most 63 characters',
  );

export const MILLION = 1_000_000;

/** Weights per variant in parts per million; they add up to 1 000 000. */
export const weightsPpm = z
  .record(slug, z.int().min(0).max(MILLION))
  .refine((weights) => Object.values(weights).reduce((sum, weight) => sum + weight, 0) === MILLION, {
    message: 'weights must add up to 1000000 ppm',
  });
export type WeightsPpm = z.infer<typeof weightsPpm>;

/** W3C trace context: version, trace, span, flags. */
export const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export const timestamp = z.iso.datetime({ offset: true });
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits');
