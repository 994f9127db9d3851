import { z } from 'zod';
import { publicRoute } from '../experiment/public-route.js';
import { MILLION, slug, timestamp, weightsPpm } from '../names.js';
import { metricAnalysis } from './experiment.analysed.v1.js';
import { defineTopic } from './topic.js';

export const commandKind = z.enum([
  'start',
  'advance',
  /** A harmful arm loses its traffic to control; the others go on. */
  'drop-arm',
  'promote',
  'rollback',
  'pause',
  'resume',
  'conclude',
]);
export type CommandKind = z.infer<typeof commandKind>;

/** Machine-readable reason of a command; the message beside it is for people. */
export const commandReason = z.enum([
  'started',
  'budget-proven',
  'all-guardrails-non-inferior',
  'harmful',
  'health-hold',
  'health-recovered',
  'inconclusive',
  'deadline',
  'superior',
  'futile',
  'operator',
]);
export type CommandReason = z.infer<typeof commandReason>;

/** Copies of control's requests that go to candidates, in turn where there are several. */
const copies = z.object({
  candidates: z.array(slug).min(1),
  ratePpm: z.int().min(1).max(MILLION),
  concurrency: z.int().min(1),
  /** Where requests without a seed get one, the same as their copies; dotted path into the JSON body. Absent: they get none. */
  seed: z.string().min(1).optional(),
});

/** Buckets `from` (inclusive) to `to` (exclusive), of a million, that belong to a candidate. */
const segments = z.array(
  z.object({ variant: slug, from: z.int().min(0).max(MILLION), to: z.int().min(0).max(MILLION) }),
);

/** What routers need of an order to serve a slot by it. */
export const slotOrder = z.object({
  commandId: z.string().min(1),
  experiment: slug,
  revision: z.int32().min(1),
  /** Under which it was given: that of its own command, not of the one that repeats it here. */
  epoch: z.int32().min(1),
  command: commandKind,
  stage: z.int32().min(0),
  weightsPpm,
  commandedAt: timestamp,
  terminal: z.boolean(),
  shadow: copies.optional(),
  segments: segments.optional(),
});
export type SlotOrder = z.infer<typeof slotOrder>;

/** A part of a service's units: buckets `fromPpm` (inclusive) to `toPpm` (exclusive) of the layer's hash, of a million. */
export const slotRange = z.object({
  id: slug,
  fromPpm: z.int().min(0).max(MILLION),
  toPpm: z.int().min(0).max(MILLION),
});
export type SlotRange = z.infer<typeof slotRange>;

export const unitKind = z.enum(['user', 'session', 'request']);

/** All of a service's traffic: what each of its slots is served by. Units outside them, and the holdout, get the baseline. */
export const layer = z.object({
  /** Who is in a slot, and who is randomised in each of them. */
  unit: unitKind,
  /** So many of the last buckets belong to no slot, ever. */
  holdoutPpm: z.int().min(0).max(MILLION),
  slots: z.array(slotRange.extend({ order: slotOrder.nullable() })),
});
export type Layer = z.infer<typeof layer>;

export const allocationCommanded = z.object({
  commandId: z.string().min(1),
  experiment: slug,
  service: slug,
  revision: z.int32().min(1),
  /** Larger than that of any order before it about this service: routers refuse smaller ones. */
  epoch: z.int32().min(1),
  command: commandKind,
  stage: z.int32().min(0),
  weightsPpm,
  reason: commandReason,
  message: z.string(),
  /** What it rests on; null for an operator's command. */
  evidence: z
    .object({
      analysisId: z.string(),
      metric: z.string().nullable(),
      candidate: slug.nullable(),
      lnE: z.number().nullable(),
      units: z.int().min(0),
      analysedAt: timestamp,
      newestEventAt: timestamp.nullable(),
      /** What that analysis said of `metric`: later analyses may say otherwise. Absent without a metric, and in commands of before it was kept. */
      metricAnalysis: metricAnalysis.optional(),
      /** Complete pairs of shadow traffic that it rests on, which `metricAnalysis` is then of; absent: it rests on units that were drawn. */
      pairs: z.int().min(0).optional(),
    })
    .nullable(),
  actor: z.string().min(1),
  commandedAt: timestamp,
  /** True for the last command of a revision: nothing but a new revision follows. */
  terminal: z.boolean(),
  /**
   * What the service serves from now on where no variant is drawn. Absent in commands of before services had one: their epochs are
   * the experiment's own.
   */
  baseline: z.object({ upstream: z.url(), fingerprint: z.string().min(1), route: publicRoute.optional() }).optional(),
  /** The service's traffic follows another experiment: nothing is routed by this command. */
  standsAside: z.literal(true).optional(),
  /** Absent: none do. */
  shadow: copies.optional(),
  /**
   * Which buckets the candidates have, in order, where that follows from the order before as well: with three candidates and more a share may
   * not be raised by the weights alone without moving somebody. Absent: the weights say it.
   */
  segments: segments.optional(),
  /**
   * The service's whole traffic, this experiment's slot included. Absent where one slot spans the service: then `weightsPpm` is all there is to
   * know, as in commands of before there were slots.
   */
  layer: layer.optional(),
});
export type AllocationCommanded = z.infer<typeof allocationCommanded>;

export const allocationCommandedTopic = defineTopic({
  name: 'allocation.commanded.v1',
  key: 'experiment',
  compacted: true,
  signed: true,
  producedBy: ['decision'],
  consumedBy: ['router', 'recorder', 'cli', 'decision'],
  says: 'What the router has to do: the whole desired allocation, its epoch, the reason and the evidence.',
  schema: allocationCommanded,
  example: {
    commandId: '0190d5a2-9999-7c31-9d4e-5b8f0a1c2d3e',
    experiment: 'cheaper-sampler',
    service: 'text-to-image',
    revision: 1,
    epoch: 3,
    command: 'rollback',
    stage: 0,
    weightsPpm: { control: 1_000_000, candidate: 0 },
    reason: 'harmful',
    message:
      'alignment of candidate is 2.21 % below control (0.93 against 0.951); allowed is −1 %. Proven worse than allowed, with 95 % confidence after 171 units of candidate (ln E 3.4; 3 needed).',
    evidence: {
      analysisId: '0190d5a2-8888-7c31-9d4e-5b8f0a1c2d3e',
      metric: 'alignment',
      candidate: 'candidate',
      lnE: 3.4,
      units: 171,
      analysedAt: '2026-11-20T10:15:31.020Z',
      newestEventAt: '2026-11-20T10:15:30.980Z',
    },
    actor: 'decision',
    commandedAt: '2026-11-20T10:15:31.031Z',
    terminal: true,
  },
});
