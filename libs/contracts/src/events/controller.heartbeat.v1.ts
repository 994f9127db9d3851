import { z } from 'zod';
import { slug, timestamp } from '../names.js';
import { defineTopic } from './topic.js';

export const controllerHeartbeat = z.object({
  controller: z.string().min(1),
  at: timestamp,
  running: z.array(slug),
});
export type ControllerHeartbeat = z.infer<typeof controllerHeartbeat>;

export const controllerHeartbeatTopic = defineTopic({
  name: 'controller.heartbeat.v1',
  key: 'none',
  compacted: false,
  producedBy: ['decision'],
  consumedBy: ['router', 'recorder'],
  says: 'The decision loop is alive.',
  schema: controllerHeartbeat,
  example: {
    controller: 'decision-1',
    at: '2026-11-20T10:15:31.000Z',
    running: ['cheaper-sampler'],
  },
});
