import { z } from 'zod';
import { assignment } from './assignment.js';
import { experimentSpec, variantConfig } from './experiment.js';
import { sha256, slug, timestamp, weightsPpm } from './names.js';

export const requestRouted = z.object({
  requestId: z.string().min(1),
  service: slug,
  /** null: no experiment applied to the request. */
  assignment: assignment.nullable(),
  upstream: z.string(),
  outcome: z.enum(['succeeded', 'client-error', 'failed', 'timed-out', 'cancelled']),
  /** HTTP status; null when no response came. */
  status: z.int().min(100).max(599).nullable(),
  startedAt: timestamp,
  /** Until the last byte was sent on; null when no complete response came (never counted as a fast one). */
  durationMs: z.number().min(0).nullable(),
});
export type RequestRouted = z.infer<typeof requestRouted>;

export const image = z.object({
  uri: z.string().min(1),
  sha256,
  format: z.enum(['png', 'jpeg', 'webp', 'avif']),
  width: z.int().min(1),
  height: z.int().min(1),
  bytes: z.int().min(0),
  /** Whether the service's own safety checker found something; absent where none looked. */
  flagged: z.boolean().optional(),
});
export type Image = z.infer<typeof image>;

export const generationCompleted = z.object({
  requestId: z.string().min(1),
  generationId: z.string().min(1),
  service: slug,
  assignment: assignment.nullable(),
  /** Hash of `config`: which revision of the variant really answered. */
  fingerprint: z.string().min(1),
  config: variantConfig,
  prompt: z.string(),
  seed: z.int().min(0),
  outcome: z.enum(['succeeded', 'failed']),
  /** What failed, in words; null on success. */
  error: z.string().nullable(),
  timings: z.object({ queueMs: z.number().min(0), inferenceMs: z.number().min(0), totalMs: z.number().min(0) }),
  gpu: z.object({
    seconds: z.number().min(0),
    utilisation: z.number().min(0).max(1),
    memoryMiB: z.number().min(0),
  }),
  /** Cost of the whole generation; the currency is the operator's. */
  cost: z.number().min(0),
  images: z.array(image),
  /** A copy of another variant's request whose answer nobody saw. */
  shadow: z.boolean().default(false),
});
export type GenerationCompleted = z.infer<typeof generationCompleted>;

/** Who scored: scores of different identities are never compared in one analysis. */
export const scoreIdentity = z.object({
  model: z.string().min(1),
  digest: sha256,
  preprocessing: z.string().min(1),
  engine: z.string().min(1),
});
export type ScoreIdentity = z.infer<typeof scoreIdentity>;

export const imageScored = z.object({
  requestId: z.string().min(1),
  generationId: z.string().min(1),
  imageIndex: z.int().min(0),
  service: slug,
  assignment: assignment.nullable(),
  image: image.pick({ uri: true, sha256: true }),
  /**
   * `scored`; or why there is no score: the bytes were not to be had, were not the announced ones, are no picture, or break a limit.
   * `undecodable` and `digest-mismatch` are facts about the variant.
   */
  outcome: z.enum(['scored', 'unavailable', 'digest-mismatch', 'undecodable', 'refused']),
  reason: z.string().nullable(),
  /** Raw cosine of image and prompt embeddings; null unless scored. */
  alignment: z.number().min(-1).max(1).nullable(),
  /** Quality heads by name, e.g. `{ clean: 0.97 }`. Empty unless scored. */
  quality: z.record(z.string(), z.number()),
  /** All pixels (nearly) the same: what a safety checker's black-out looks like. */
  blank: z.boolean(),
  /** The L2-normalised image embedding, float16 little endian, base64; null unless scored. */
  embedding: z.base64().nullable(),
  promptTruncated: z.boolean(),
  identity: scoreIdentity,
});
export type ImageScored = z.infer<typeof imageScored>;

export const feedbackRecorded = z.object({
  requestId: z.string().min(1),
  generationId: z.string().nullable(),
  service: slug,
  assignment: assignment.nullable(),
  kind: z.enum(['thumb-up', 'thumb-down', 'rating', 'download', 'share', 'regenerate']),
  /** 1–5 for a rating; null otherwise. */
  rating: z.number().min(1).max(5).nullable(),
  givenAt: timestamp,
});
export type FeedbackRecorded = z.infer<typeof feedbackRecorded>;

export const preferenceJudged = z.object({
  experiment: slug,
  revision: z.int().min(1),
  rater: z.string().min(1),
  prompt: z.string(),
  left: z.object({ variant: slug, generationId: z.string() }),
  right: z.object({ variant: slug, generationId: z.string() }),
  preferred: z.enum(['left', 'right', 'tie']),
  judgedAt: timestamp,
});
export type PreferenceJudged = z.infer<typeof preferenceJudged>;

export const experimentDefined = z.object({
  experiment: slug,
  revision: z.int().min(1),
  spec: experimentSpec,
  /** Hash of each variant's configuration, by variant. */
  fingerprints: z.record(slug, z.string()),
  definedAt: timestamp,
  definedBy: z.string().min(1),
});
export type ExperimentDefined = z.infer<typeof experimentDefined>;

export const evidenceSummarised = z.object({
  experiment: slug,
  revision: z.int().min(1),
  topicPartition: z.string().min(1),
  /** Offsets up to which the partition's topics are folded in, by topic. */
  positions: z.record(z.string(), z.int().min(0)),
  /** Serialised evidence; its layout belongs to libs/evidence and carries its own version. */
  evidence: z.unknown(),
  summarisedAt: timestamp,
});
export type EvidenceSummarised = z.infer<typeof evidenceSummarised>;

export const verdict = z.enum(['harmful', 'non-inferior', 'superior', 'undecided', 'unmeasurable']);
export type Verdict = z.infer<typeof verdict>;

const sampleSize = z.object({ units: z.int().min(0), events: z.int().min(0) });

export const metricAnalysis = z.object({
  metric: z.string().min(1),
  candidate: slug,
  /** `watched`: tested and warned about, decides nothing. `observed`: only estimated. */
  role: z.enum(['guardrail', 'objective', 'watched', 'observed']),
  /** How it is judged, e.g. `rate`, `mean`, `upper-tail`. Absent in analyses of before there were several ways. */
  kind: z.string().optional(),
  unit: z.string(),
  /** Which way is better. */
  direction: z.enum(['higher', 'lower']),
  verdict,
  /** Always said, also on success: a closed vocabulary code such as `burn-in`, `not-enough-data`, `no-variance`. */
  reason: z.string(),
  n: z.object({ control: sampleSize, candidate: sampleSize }),
  /** Estimates per variant; null with too little data, never 0 for missing. */
  estimate: z.object({
    control: z.number().nullable(),
    candidate: z.number().nullable(),
    /** candidate − control; their ratio − 1, ln rate ratio or P(candidate higher) − ½ where `scale` says so. */
    effect: z.number().nullable(),
  }),
  /** Anytime-valid 1 − α interval of `effect`; null where it can't be computed. */
  interval: z.object({ low: z.number(), high: z.number() }).nullable(),
  scale: z.enum(['difference', 'relative', 'ln-rate-ratio', 'ratio', 'probability']),
  /** The guardrail's margin in the metric's own unit (absolute, > 0); null before the baseline is known. */
  margin: z.number().nullable(),
  /** Natural logarithms of the deciding e-processes at `margin`; null before the baseline is known. */
  lnE: z.object({ harmful: z.number(), nonInferior: z.number(), superior: z.number().optional() }).nullable(),
  /** min(1, 1/E) of the same, valid at any time one chooses to look; their smallest so far is valid too. Null where `lnE` is. */
  p: z.object({ harmful: z.number(), nonInferior: z.number(), superior: z.number() }).nullable().optional(),
  /** Units of the variant with fewer of them, and how many it takes before an interval is shown. */
  burnIn: z.object({ units: z.int().min(0), needed: z.int().min(0), done: z.boolean() }).optional(),
  /** Why the effect, the interval or the evidence is null, from the vocabulary of `reason`; null where it is not. */
  missing: z
    .object({ effect: z.string().nullable(), interval: z.string().nullable(), evidence: z.string().nullable() })
    .optional(),
  /** Damage budget: may the share rise to `share`? Non-inferiority at margin ÷ share. */
  budget: z.array(
    z.object({ sharePpm: z.int(), margin: z.number(), lnENonInferior: z.number(), nonInferior: z.boolean() }),
  ),
});
export type MetricAnalysis = z.infer<typeof metricAnalysis>;

export const analysisHealth = z.object({
  srm: z.object({
    status: z.enum(['ok', 'mismatch', 'not-enough-data']),
    lnE: z.number(),
    observed: z.record(slug, z.int()),
    expected: z.record(slug, z.number()),
  }),
  coverage: z.object({
    status: z.enum(['ok', 'gap', 'not-enough-data']),
    lnE: z.number(),
    /** scored ÷ routed per variant, among requests old enough to have been scored; null without any. */
    byVariant: z.record(slug, z.number().nullable()),
  }),
  staleness: z.object({
    status: z.enum(['ok', 'scores-silent', 'telemetry-silent', 'no-traffic']),
    lastRoutedAt: timestamp.nullable(),
    lastGeneratedAt: timestamp.nullable(),
    lastScoredAt: timestamp.nullable(),
  }),
  /** Watched shifts of a whole distribution: a warning, whatever the direction. */
  shift: z.object({ status: z.enum(['not-watched', 'none-found', 'found']), metrics: z.array(z.string()) }).optional(),
});
export type AnalysisHealth = z.infer<typeof analysisHealth>;

const interval = z.object({ low: z.number(), high: z.number() });

/** What the objectives together say of one candidate: gains are shares of control's value, positive is better. */
export const objectiveAnalysis = z.object({
  candidate: slug,
  utility: z.object({
    /** Weighted mean of the gains. */
    estimate: z.number().nullable(),
    /** Anytime-valid; those of all candidates hold together with probability 1 − α, whatever the correlation of the objectives. */
    interval: interval.nullable(),
    verdict: z.enum(['better', 'practically-equal', 'futile', 'worse', 'undecided', 'unmeasurable']),
    reason: z.string(),
  }),
  gains: z.array(
    z.object({
      metric: z.string().min(1),
      weight: z.number(),
      estimate: z.number().nullable(),
      /** At level α ÷ (objectives · candidates). */
      interval: interval.nullable(),
      missing: z.string().nullable(),
    }),
  ),
});
export type ObjectiveAnalysis = z.infer<typeof objectiveAnalysis>;

/** Without weights: who is beaten by whom. Control takes part with gains of 0. */
export const paretoPlace = z.object({
  variant: slug,
  /** No variant's estimates are at least as good everywhere and better somewhere. */
  onFront: z.boolean(),
  /** Variants whose intervals lie above this one's on every objective. */
  surelyDominatedBy: z.array(slug),
});
export type ParetoPlace = z.infer<typeof paretoPlace>;

export const experimentAnalysed = z.object({
  analysisId: z.string().min(1),
  experiment: slug,
  revision: z.int().min(1),
  /** Largest epoch seen in the folded events. */
  epoch: z.int().min(0),
  stage: z.int().min(0),
  alpha: z.number().min(0).max(1),
  analysedAt: timestamp,
  /** Time of the newest event that is in the evidence: detection latency counts from here. */
  newestEventAt: timestamp.nullable(),
  /** Requests routed under the experiment, by variant (all requests, not only first of a unit). */
  requests: z.record(slug, z.int().min(0)),
  units: z.record(slug, z.int().min(0)),
  /** Distinct units seen while the present stage (epoch) was in force, over all variants. */
  unitsInStage: z.int().min(0),
  metrics: z.array(metricAnalysis),
  /** Absent where the experiment has no objectives. */
  objectives: z
    .object({ rope: z.number().min(0), candidates: z.array(objectiveAnalysis), pareto: z.array(paretoPlace) })
    .optional(),
  health: analysisHealth,
});
export type ExperimentAnalysed = z.infer<typeof experimentAnalysed>;

export const commandKind = z.enum(['start', 'advance', 'promote', 'rollback', 'pause', 'resume', 'conclude']);
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

export const allocationCommanded = z.object({
  commandId: z.string().min(1),
  experiment: slug,
  service: slug,
  revision: z.int().min(1),
  /** Larger than that of any command before it for this experiment: routers refuse smaller ones. */
  epoch: z.int().min(1),
  command: commandKind,
  stage: z.int().min(0),
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
    })
    .nullable(),
  actor: z.string().min(1),
  commandedAt: timestamp,
  /** True for the last command of a revision: nothing but a new revision follows. */
  terminal: z.boolean(),
});
export type AllocationCommanded = z.infer<typeof allocationCommanded>;

export const allocationApplied = z.object({
  commandId: z.string().min(1),
  experiment: slug,
  revision: z.int().min(1),
  epoch: z.int().min(0),
  router: z.string().min(1),
  outcome: z.enum(['applied', 'refused']),
  /** Why it was refused, e.g. `stale-epoch`; null when applied. */
  reason: z.string().nullable(),
  weightsPpm,
  commandedAt: timestamp,
  appliedAt: timestamp,
});
export type AllocationApplied = z.infer<typeof allocationApplied>;

export const controllerHeartbeat = z.object({
  controller: z.string().min(1),
  at: timestamp,
  running: z.array(slug),
});
export type ControllerHeartbeat = z.infer<typeof controllerHeartbeat>;
