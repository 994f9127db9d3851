import { z } from 'zod';
import { slug } from '../names.js';

/** Ages in seconds by which routers count the requests that have no end yet. */
export const UNDER_WAY_S = [1, 2, 4, 8, 16, 32, 64, 128] as const;

/** Requests of one variant that were drawn for it and have no end yet. */
export const underWay = z.object({
  experiment: slug,
  revision: z.int32().min(1),
  variant: slug,
  /** How many for longer than each of {@link UNDER_WAY_S}. */
  longerThan: z.array(z.int32().min(0)).max(UNDER_WAY_S.length),
});
export type UnderWay = z.infer<typeof underWay>;
