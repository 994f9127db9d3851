import { serviceBaseline, slug } from '#libs/contracts';
import { z } from 'zod';

const happened = { atMs: z.number(), actor: z.string().min(1) };
const ofRevision = { experiment: slug, revision: z.int().min(1) };

/** What has happened to a service, in order: the log from which its state is rebuilt. */
export const serviceEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('baseline-set'),
    ...happened,
    baseline: serviceBaseline,
    /** The order that made it so. */
    epoch: z.int().min(0),
    note: z.string(),
  }),
  z.object({ type: z.literal('slot-taken'), ...happened, ...ofRevision }),
  z.object({ type: z.literal('slot-freed'), ...happened, ...ofRevision }),
  z.object({
    type: z.literal('fingerprint-latched'),
    ...happened,
    ...ofRevision,
    fingerprint: z.string().min(1),
    message: z.string(),
  }),
  z.object({ type: z.literal('latch-lifted'), ...happened, fingerprint: z.string().min(1), note: z.string() }),
  z.object({ type: z.literal('commanded'), ...happened, ...ofRevision, epoch: z.int().min(1) }),
]);
export type ServiceEvent = z.infer<typeof serviceEvent>;
