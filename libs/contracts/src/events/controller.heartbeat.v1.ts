import { z } from 'zod';
import { slug, timestamp } from '../names.js';
import { defineTopic } from './topic.js';

export const controllerHeartbeat = z.object({
  controller: z.string().min(1),
  at: timestamp,
  running: z.array(slug),
  /** The epoch of the newest order about each service. Absent in heartbeats of before services had one. */
  services: z.record(slug, z.int32().min(0)).optional(),
});
export type ControllerHeartbeat = z.infer<typeof controllerHeartbeat>;

export const controllerHeartbeatTopic = defineTopic({
  name: 'controller.heartbeat.v1',
  key: 'none',
  compacted: false,
  signed: true,
  producedBy: ['decision'],
  consumedBy: ['router', 'recorder', 'decision'],
  says: 'The decision loop is alive, and how far the orders about each service are.',
  schema: controllerHeartbeat,
  example: {
    controller: 'decision-1',
    at: '2026-11-20T10:15:31.000Z',
    running: ['cheaper-sampler'],
    services: { 'text-to-image': 7 },
  },
});
