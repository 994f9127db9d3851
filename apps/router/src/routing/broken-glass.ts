import { slug, timestamp } from '#libs/contracts';
import { z } from 'zod';

/**
 * Somebody on call has sent a service to its baseline, here, without bus or database. It holds until an order about the service comes that is newer
 * than what was known then, or until it is taken back.
 */
export const brokenGlass = z.object({
  service: slug,
  /** The newest order that was known; a larger one ends it. */
  epoch: z.int32().min(0),
  actor: z.string().min(1),
  reason: z.string().min(1),
  at: timestamp,
});
export type BrokenGlass = z.infer<typeof brokenGlass>;
