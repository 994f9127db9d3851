import { serviceBaseline, slotOrder, slotRange, slug, unitKind, WHOLE_SERVICE } from '#libs/contracts';
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
  z.object({
    type: z.literal('slots-set'),
    ...happened,
    unit: unitKind,
    holdoutPpm: z.int().min(0),
    slots: z.array(slotRange),
    /** From which on it is so. */
    epoch: z.int().min(0),
    note: z.string(),
  }),
  z.object({
    type: z.literal('slot-taken'),
    ...happened,
    ...ofRevision,
    /** In logs of before there were several: the one that spans the service. */
    slot: slug.default(WHOLE_SERVICE),
    /** Fingerprint of the experiment's control; absent in logs of before there were several slots. */
    control: z.string().min(1).optional(),
    /** Those of its candidates. */
    candidates: z.array(z.string().min(1)).optional(),
  }),
  z.object({
    type: z.literal('slot-freed'),
    ...happened,
    ...ofRevision,
    /** What the experiment left behind in the slot, where that is what the service serves everywhere. */
    serves: z.literal('baseline').optional(),
  }),
  z.object({
    type: z.literal('fingerprint-latched'),
    ...happened,
    ...ofRevision,
    fingerprint: z.string().min(1),
    message: z.string(),
  }),
  z.object({
    type: z.literal('mode-set'),
    ...happened,
    mode: z.enum(['open', 'paused', 'drained', 'deleted']),
    /** From which on routers hold it so; 0 where it is none of their business. */
    epoch: z.int().min(0),
    note: z.string(),
  }),
  z.object({ type: z.literal('latch-lifted'), ...happened, fingerprint: z.string().min(1), note: z.string() }),
  z.object({
    type: z.literal('commanded'),
    ...happened,
    ...ofRevision,
    epoch: z.int().min(1),
    /** The slot that is served by the order from now on; absent where none is, and in logs of before there were several. */
    slot: slug.optional(),
    order: slotOrder.optional(),
  }),
]);
export type ServiceEvent = z.infer<typeof serviceEvent>;
