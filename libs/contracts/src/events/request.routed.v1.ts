import { z } from 'zod';
import { assignment } from '../envelope/assignment.js';
import { instanceName } from '../envelope/instance.js';
import { slug, timestamp } from '../names.js';
import { exampleAssignment } from './example-values.js';
import { outcome } from './outcome.js';
import { defineTopic } from './topic.js';

/** Who is in no experiment, ever: the baseline, for reports to compare with. */
export const HOLDOUT = 'holdout';
/** Who is in no slot at present. */
export const FREE = 'free';

export const requestRouted = z.object({
  requestId: z.string().min(1),
  service: slug,
  /** null: no experiment applied to the request. */
  assignment: assignment.nullable(),
  /**
   * The part of the service's units that the request's is in: a slot's id, {@link HOLDOUT} or {@link FREE}. Absent where one slot spans the service.
   * Whoever is in no experiment has no assignment; the event's subject is the unit then.
   */
  slot: slug.optional(),
  upstream: z.string(),
  /** As its answer says; absent where it does not, and in events of before. */
  instance: instanceName.optional(),
  outcome,
  /** HTTP status; null when no response came. */
  status: z.int().min(100).max(599).nullable(),
  startedAt: timestamp,
  /** Until the last byte was sent on, less the time in the router's own line; null when no complete response came (never counted as a fast one). */
  durationMs: z.number().min(0).nullable(),
  /** How long the client waited before it went away; null where it did not, and in events of before. */
  waitedMs: z.number().min(0).nullable().default(null),
  /**
   * How much of the duration the client took: until its request was there, and to take the answer. Said of both sides of a pair: a copy has no client, so its duration
   * has that of its original added.
   */
  clientMs: z.number().min(0).optional(),
});
export type RequestRouted = z.infer<typeof requestRouted>;

export const requestRoutedTopic = defineTopic({
  name: 'request.routed.v1',
  key: 'unit',
  compacted: false,
  producedBy: ['router'],
  consumedBy: ['analyzer', 'recorder'],
  says: 'The exposure and the black-box outcome of one request: variant, propensity, epoch, status and duration.',
  schema: requestRouted,
  example: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    service: 'text-to-image',
    assignment: exampleAssignment,
    upstream: 'http://127.0.0.1:8101/',
    instance: 'sdxl-int8-6d5f9c7b4-x2x7q',
    outcome: 'delivered',
    status: 200,
    startedAt: '2026-11-20T10:15:30.120Z',
    durationMs: 84.2,
    waitedMs: null,
  },
});
