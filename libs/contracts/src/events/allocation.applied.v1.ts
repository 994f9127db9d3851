import { z } from 'zod';
import { slug, timestamp, weightsPpm } from '../names.js';
import { defineTopic } from './topic.js';

export const allocationApplied = z.object({
  commandId: z.string().min(1),
  experiment: slug,
  revision: z.int32().min(1),
  epoch: z.int32().min(0),
  router: z.string().min(1),
  outcome: z.enum(['applied', 'refused']),
  /** Why it was refused, e.g. `stale-epoch`; null when applied. */
  reason: z.string().nullable(),
  weightsPpm,
  commandedAt: timestamp,
  appliedAt: timestamp,
});
export type AllocationApplied = z.infer<typeof allocationApplied>;

export const allocationAppliedTopic = defineTopic({
  name: 'allocation.applied.v1',
  key: 'experiment',
  compacted: false,
  producedBy: ['router'],
  consumedBy: ['decision', 'recorder', 'cli'],
  says: 'Which router applied which epoch, when, or why it refused.',
  schema: allocationApplied,
  example: {
    commandId: '0190d5a2-9999-7c31-9d4e-5b8f0a1c2d3e',
    experiment: 'cheaper-sampler',
    revision: 1,
    epoch: 3,
    router: 'router-1',
    outcome: 'applied',
    reason: null,
    weightsPpm: { control: 1_000_000, candidate: 0 },
    commandedAt: '2026-11-20T10:15:31.031Z',
    appliedAt: '2026-11-20T10:15:31.044Z',
  },
});
