import { z } from 'zod';
import { slug, timestamp } from '../names.js';
import { defineTopic } from './topic.js';
import { underWay } from './under-way.js';

export const routerHeartbeat = z.object({
  router: z.string().min(1).max(200),
  at: timestamp,
  /** The epoch of the newest order that it obeys, by service. */
  services: z.record(slug, z.int32().min(0)),
  /** Services that somebody has sent to their baselines by hand, there. */
  brokenGlass: z.array(slug),
  /** Of each variant that has requests without an end for longer than a second; absent in heartbeats of routers of before. */
  underWay: z.array(underWay).max(1_000).optional(),
  /** True in the last one before it ends: nobody has to wait for it any more. */
  leaving: z.boolean(),
});
export type RouterHeartbeat = z.infer<typeof routerHeartbeat>;

export const routerHeartbeatTopic = defineTopic({
  name: 'router.heartbeat.v1',
  key: 'none',
  compacted: false,
  producedBy: ['router'],
  consumedBy: ['decision'],
  says: 'A router is alive, which epoch of each service it obeys, and how many requests have waited for an answer for how long.',
  schema: routerHeartbeat,
  example: {
    router: 'router-1',
    at: '2026-11-20T10:15:31.000Z',
    services: { 'text-to-image': 7 },
    brokenGlass: [],
    underWay: [
      {
        experiment: 'cheaper-sampler',
        revision: 1,
        variant: 'candidate',
        longerThan: [12, 9, 4, 1, 0, 0, 0, 0],
      },
    ],
    leaving: false,
  },
});
