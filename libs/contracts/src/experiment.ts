import { z } from 'zod';
import { MILLION, slug } from './names.js';

/** A model configuration: known fields plus anything else that identifies it. Its hash is the variant's fingerprint. */
export const variantConfig = z
  .object({
    checkpoint: z.string().min(1),
    sampler: z.string().min(1),
    steps: z.int().min(1),
    guidance: z.number().optional(),
    precision: z.string().min(1),
  })
  .catchall(z.union([z.string(), z.number(), z.boolean()]));
export type VariantConfig = z.infer<typeof variantConfig>;

/**
 * A guardrail's margin. `relative`: a share of control's value (0.01 = 1 %); `absolute`: in the metric's own unit
 * (0.005 = 0.5 percentage points of a rate). Always positive: "worse by at most".
 */
export const margin = z.object({ kind: z.enum(['relative', 'absolute']), value: z.number().positive() });
export type Margin = z.infer<typeof margin>;

export const guardrail = z.object({
  metric: z.string().min(1),
  margin,
  /** `any-harm` moves the boundary of harm to no difference at all (flagged pictures, errors). */
  rollbackOn: z.enum(['beyond-margin', 'any-harm']),
});
export type Guardrail = z.infer<typeof guardrail>;

export const rampStage = z.object({
  weightPpm: z.int().min(1).max(MILLION),
  atLeastMs: z.int().min(0),
  atLeastUnits: z.int().min(0),
  approval: z.enum(['none', 'required']),
});
export type RampStage = z.infer<typeof rampStage>;

export const ramp = z.object({
  /** `auto` climbs as fast as the damage budget allows; `explicit` waits for each stage's own conditions too. */
  kind: z.enum(['auto', 'explicit']),
  stages: z.array(rampStage).min(1),
});
export type Ramp = z.infer<typeof ramp>;

export const audienceRule = z.object({ attribute: z.string().min(1), in: z.array(z.string()).min(1) });
export type AudienceRule = z.infer<typeof audienceRule>;

export const variant = z.object({ upstream: z.url(), config: variantConfig });

/**
 * An experiment after parsing: percentages are ppm, durations milliseconds, margins numbers.
 * Everything that tunes the statistics is part of it, hence of the revision.
 */
export const experimentSpec = z.object({
  key: slug,
  service: slug,
  kind: z.enum(['canary', 'ab']),
  unit: z.enum(['user', 'session', 'request']),
  control: slug,
  variants: z.record(slug, variant),
  audience: z.array(audienceRule),
  ramp,
  guardrails: z.array(guardrail),
  objectives: z.array(z.object({ metric: z.string().min(1), weight: z.number() })),
  onInconclusive: z.enum(['rollback', 'hold']),
  onLostController: z.enum(['control', 'hold']),
  /** Silence of the controller after which routers apply `onLostController`. */
  lostControllerAfterMs: z.int().min(100),
  /** How long a bad health check may hold the ramp before `onInconclusive` applies. */
  holdAtMostMs: z.int().min(1),
  deadlineMs: z.int().min(1),
  alpha: z.number().gt(0).lt(0.5),
  /** Control units whose values fix relative margins and bounds; they are not judged. */
  baselineUnits: z.int().min(20),
});
export type ExperimentSpec = z.infer<typeof experimentSpec>;
export type VariantSpec = z.infer<typeof variant>;

/** The ladder of `ramp: auto`. */
export const AUTO_LADDER_PPM: readonly number[] = [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, MILLION];
