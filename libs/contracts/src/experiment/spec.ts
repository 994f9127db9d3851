import { z } from 'zod';
import { MILLION, slug } from '../names.js';
import { publicRoute } from './public-route.js';

/** Anything JSON can say: a name, a number, a list of LoRAs, the settings of a sampler. */
const configValue = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.array(z.unknown()),
  z.record(z.string(), z.unknown()),
]);

/** Levels of lists and mappings in a configuration. */
const DEEPEST_CONFIG = 16;
/** Of a configuration as JSON: it is in every definition, in every answer about its service and in the log. */
const LONGEST_CONFIG = 16 * 1_024;

/** What is wrong with the size of a configuration, in words; undefined where nothing is. Checked where one is given: stored ones stay readable. */
export function configTooLarge(config: Readonly<Record<string, unknown>>): string | undefined {
  let level: readonly unknown[] = [config];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST_CONFIG) return `expected at most ${DEEPEST_CONFIG} levels of lists and mappings`;
    level = level.flatMap((part) => (typeof part === 'object' && part !== null ? Object.values(part) : []));
  }
  const { length } = JSON.stringify(config);
  return length > LONGEST_CONFIG ? `${length} characters as JSON: expected at most ${LONGEST_CONFIG}` : undefined;
}

/** A model configuration as a service reports it: what it leaves out is not known. */
export const reportedConfig = z
  .object({
    checkpoint: z.string().nullish(),
    sampler: z.string().nullish(),
    steps: z.number().nullish(),
    guidance: z.number().nullish(),
    precision: z.string().nullish(),
  })
  .catchall(configValue);

/** A model configuration: known fields plus anything else that identifies it. Its hash is the variant's fingerprint. */
export const variantConfig = z
  .object({
    checkpoint: z.string().min(1),
    sampler: z.string().min(1),
    steps: z.int().min(1),
    guidance: z.number().optional(),
    precision: z.string().min(1),
  })
  .catchall(configValue);
export type VariantConfig = z.infer<typeof variantConfig>;

/**
 * A guardrail's margin. `relative`: a share of control's value (0.01 = 1 %); `absolute`: in the metric's own unit
 * (0.005 = 0.5 percentage points of a rate). Always positive: "worse by at most".
 */
export const margin = z.object({
  kind: z.enum(['relative', 'absolute']),
  value: z.number().positive(),
  /**
   * What a relative margin allows at least, in the metric's own unit: it counts where control's value times the margin is smaller. Absent in
   * absolute ones, and in revisions of before there were floors.
   */
  floor: z.number().positive().optional(),
});
export type Margin = z.infer<typeof margin>;

export const guardrail = z.object({
  metric: z.string().min(1),
  margin,
  /** `any-harm` moves the boundary of harm to no difference at all (flagged pictures, errors). */
  rollbackOn: z.enum(['beyond-margin', 'any-harm']),
  /** What it gets of an α that the whole experiment shares, beside the others' weights; absent: 1. */
  weight: z.number().positive().optional(),
  /** Nobody wrote it: every canary has it unless its file turns it off by name. Absent: it was written, or the revision is of before there were any. */
  byDefault: z.literal(true).optional(),
});
export type Guardrail = z.infer<typeof guardrail>;

/**
 * What a metric of the candidate may be at all, whatever control's is. `at-most` where lower is better. In the metric's own unit; of a
 * quantile, the quantile itself.
 */
export const absoluteLimit = z.object({
  metric: z.string().min(1),
  kind: z.enum(['at-most', 'at-least']),
  value: z.number(),
});
export type AbsoluteLimit = z.infer<typeof absoluteLimit>;

/** Instead of a path: the event itself, which counts as 1. */
export const EACH_EVENT = '*';

/** Topics whose fields a metric of the experiment's own may read: those that carry the assignment they happened under. */
export const measurableTopic = z.enum([
  'request.routed.v1',
  'generation.completed.v1',
  'image.scored.v1',
  'feedback.recorded.v1',
]);
export type MeasurableTopic = z.infer<typeof measurableTopic>;

/**
 * A metric of the experiment's own: a number or truth value at `path` (dotted, into the event's data) of the events of `topic`.
 * `rate`: share of true or 1. `probability`: mean of numbers from 0 to 1. `upper-tail`: the quantile `level` itself, compared by how often control's is exceeded. `lower-tail`: how often
 * values fall below control's quantile `level`. `ratio`: sum of `path` per sum of `per`, over units. `total`: mean of what each unit's
 * events add up to within `windowMs` of its first one.
 */
const ownMetric = z.object({
  name: slug,
  topic: measurableTopic,
  /** {@link EACH_EVENT}: every event counts as 1, of totals. */
  path: z.string().min(1),
  kind: z.enum(['mean', 'rate', 'probability', 'upper-tail', 'lower-tail', 'ratio', 'total']),
  /** The quantile of control that a tail is about; null for the other kinds. */
  level: z.number().gt(0).lt(1).nullable(),
  /** The denominator's path, in the same topic; null for all kinds but `ratio`. */
  per: z.string().min(1).nullable(),
  direction: z.enum(['higher', 'lower']),
  unit: z.string(),
  /** What holds where a guardrail on it names no margin of its own; null: it has to name one. */
  margin: margin.nullable(),
  /** Values outside are clipped for the deciding test; null: bounds come from control's first units. */
  bounds: z.tuple([z.number(), z.number()]).nullable(),
  /**
   * Only events whose fields have one of these values count, by dotted path. Absent: all events; a duration counts where a picture was
   * delivered, as the built-in ones do.
   */
  where: z.record(z.string().min(1), z.array(z.union([z.string(), z.number(), z.boolean()])).min(1)).optional(),
  /** Values above this quantile of control's recent ones count as it (winsorised), of means and totals; absent: none do. */
  capAt: z.number().gt(0).lt(1).optional(),
  /** How long a unit's events are added up, from its first one; of totals, absent for all other kinds. */
  windowMs: z.int().min(1).optional(),
});
export type OwnMetric = z.infer<typeof ownMetric>;

/**
 * The quotient of two metrics per unit, which may read different topics: means, totals, and shares of units that did something. Compared by
 * what is proven of its parts, so that margins are percentages of control's value.
 */
const quotient = z.object({
  name: slug,
  of: z.string().min(1),
  per: z.string().min(1),
  direction: z.enum(['higher', 'lower']),
  unit: z.string(),
});
export type Quotient = z.infer<typeof quotient>;

export const rampStage = z.object({
  weightPpm: z.int().min(1).max(MILLION),
  atLeastMs: z.int().min(0),
  atLeastUnits: z.int().min(0),
  approval: z.enum(['none', 'required']),
  /** Who may give it: somebody else than those who applied the file; absent: any operator. */
  approvedBy: z.literal('another').optional(),
  /** Blinded judgements of every candidate that stand for a person's approval; absent: none do. A person may still give it. */
  judgements: z.int().min(1).optional(),
  /** It takes what the promotion takes, and keeps a slice with control for `atLeastMs` before that; absent: it is a step like the others. */
  bake: z.literal(true).optional(),
  /** Names of gates that have to let the ramp go on: into the stage, and out of it; absent: none. */
  gates: z.object({ before: z.array(slug).min(1).optional(), after: z.array(slug).min(1).optional() }).optional(),
});
export type RampStage = z.infer<typeof rampStage>;

/**
 * Before anybody is served by a candidate: copies of control's requests, with the same prompt and seed, go to it, and their pairs are judged. Its answers
 * are dropped.
 */
export const shadowStage = z.object({
  /** Complete pairs after which the ramp begins, at the stage that they allow. */
  pairs: z.int().min(1),
  /** Share of control's requests that are copied. */
  ratePpm: z.int().min(1).max(MILLION),
  /** Copies under way at a time, per router; what comes beside them is not copied. */
  concurrency: z.int().min(1),
  /** Where a request may say its seed, and the router puts one for both sides in requests that say none; dotted path into the JSON body. Absent: nowhere. */
  seed: z.string().min(1).optional(),
  /** Nothing follows: the verdict of the pairs ends the experiment. Absent: the ramp does. */
  only: z.literal(true).optional(),
});
export type ShadowStage = z.infer<typeof shadowStage>;

const minuteOfDay = z.int().min(0).max(1_440);

/** Once, or every week on these days (0 is Sunday), between two minutes of the day in a time zone. Ends are not in it. */
export const timeWindow = z.union([
  z.object({ fromMs: z.int(), toMs: z.int() }),
  z.object({
    days: z.array(z.int().min(0).max(6)).min(1),
    fromMinute: minuteOfDay,
    toMinute: minuteOfDay,
    timeZone: z.string().min(1),
  }),
]);
export type TimeWindow = z.infer<typeof timeWindow>;

export const ramp = z.object({
  /** `auto` climbs as fast as the damage budget allows; `explicit` waits for each stage's own conditions too. */
  kind: z.enum(['auto', 'explicit']),
  stages: z.array(rampStage).min(1),
});
export type Ramp = z.infer<typeof ramp>;

const attribute = z.string().min(1);
const values = z.array(z.string()).min(1);

/** The number has to be between these, of which at least one is there and at most one on either side. */
const numberRange = z
  .object({
    attribute,
    atLeast: z.number().optional(),
    above: z.number().optional(),
    atMost: z.number().optional(),
    below: z.number().optional(),
  })
  .refine(({ atLeast, above, atMost, below }) => (atLeast ?? above ?? atMost ?? below) !== undefined);

/**
 * What an attribute of who asks has to be: one of these; any but these; a text that contains one of these; a version in a range
 * (see `parseVersionRange`); a number in a range.
 */
const audienceCondition = z.union([
  z.object({ attribute, in: values }),
  z.object({ attribute, notIn: values }),
  z.object({ attribute, contains: values }),
  z.object({ attribute, semver: z.string().min(1) }),
  numberRange,
]);
export type AudienceCondition = z.infer<typeof audienceCondition>;

/**
 * So many of the units that match; absent `of`: of all. Drawn by a hash that stays the same over revisions, so that a larger share keeps those of a
 * smaller one. The condition lies inside, so that a reader of before there were shares refuses the rule instead of taking everybody.
 */
const percentPpm = z.int().min(1).max(MILLION);
const shareOfCondition = z.object({ percentPpm, of: audienceCondition.optional() });

/** Conditions of which one has to hold. */
const anyOf = z.object({ any: z.array(z.union([audienceCondition, shareOfCondition])).min(1) });

/** A condition, several of which one has to hold, or a share of those who match either. A unit has to match every rule of the audience. */
export const audienceRule = z.union([
  audienceCondition,
  anyOf,
  z.object({ percentPpm, of: z.union([audienceCondition, anyOf]).optional() }),
]);
export type AudienceRule = z.infer<typeof audienceRule>;

/** What a feature is set to, as an application reads it: any JSON. */
export const featureParameters = z.record(z.string(), z.unknown());
export type FeatureParameters = z.infer<typeof featureParameters>;

/** A variant that is parameters of an application, and as much of a model's configuration as its file names. */
const featureConfig = z.object({ parameters: featureParameters }).catchall(configValue);

/** What identifies a variant: a model's configuration, a feature's parameters, or both. Its hash is the fingerprint. */
export const servedConfig = z.union([variantConfig, featureConfig]);
export type ServedConfig = z.infer<typeof servedConfig>;

/** The parameters of a variant that is a feature; undefined: it is a model that is asked. */
export function parametersOf(config: ServedConfig): FeatureParameters | undefined {
  return featureParameters.safeParse(config['parameters']).data;
}

/** In the place of an upstream, of a variant that is parameters alone: nothing is sent there. */
export const NOT_ASKED = 'parameters:';

export const variant = z.object({ upstream: z.url(), config: servedConfig });

/** The slot that spans a service which nobody has divided. */
export const WHOLE_SERVICE = 'all';

/**
 * An experiment after parsing: percentages are ppm, durations milliseconds, margins numbers.
 * Everything that tunes the statistics is part of it, hence of the revision.
 */
export const experimentSpec = z.object({
  key: slug,
  service: slug,
  /** Where clients ask for the service from its start on; absent: the service keeps the route it has, if any. */
  route: publicRoute.optional(),
  /** The part of the service's units that it may use; absent: {@link WHOLE_SERVICE}. */
  slot: slug.optional(),
  kind: z.enum(['canary', 'ab']),
  unit: z.enum(['user', 'session', 'request']),
  control: slug,
  variants: z.record(slug, variant),
  /**
   * The variant that the candidate is compared with instead of control: control's configuration at as large a share as the candidate's, so that queues,
   * caches and batches are alike. It can't win. Absent: control itself.
   */
  baseline: slug.optional(),
  audience: z.array(audienceRule),
  ramp,
  /** When no share rises by itself; absent: never. */
  freeze: z.array(timeWindow).optional(),
  /** When alone shares rise by themselves; absent: at any time that is not frozen. */
  schedule: z.array(timeWindow).optional(),
  /** Absent: the ramp begins at once. */
  shadow: shadowStage.optional(),
  guardrails: z.array(guardrail),
  /** Guardrails on trial: judged and shown like the others, and nothing follows from what they say; absent: none. */
  dryRun: z.array(guardrail).optional(),
  objectives: z.array(z.object({ metric: z.string().min(1), weight: z.number().positive() })),
  /**
   * Half-width of the region of practical equivalence (ROPE): the smallest difference in utility that matters, as a share of
   * control's value. Absent in revisions of before there was one: then {@link DEFAULT_ROPE}.
   */
  rope: z.number().min(0).optional(),
  /** Metrics of the experiment's own; absent: none. */
  metrics: z.array(ownMetric).optional(),
  /** Quotients of two metrics; absent: none. */
  quotients: z.array(quotient).optional(),
  /** Absolute limits, one per metric; absent: none. */
  limits: z.array(absoluteLimit).optional(),
  /** Metrics that are tested and warned about but decide nothing, such as `alignment-shift`; absent: none. */
  watch: z.array(z.string().min(1)).optional(),
  onInconclusive: z.enum(['rollback', 'hold']),
  /** What becomes of the traffic when the experiment ends without a verdict while control is broken; absent: `hold`. */
  onBrokenControl: z.enum(['hold', 'rollback', 'promote']).optional(),
  onLostController: z.enum(['control', 'hold']),
  /** Silence of the controller after which routers apply `onLostController`. */
  lostControllerAfterMs: z.int().min(100),
  /** How long a bad health check may hold the ramp before `onInconclusive` applies. */
  holdAtMostMs: z.int().min(1),
  deadlineMs: z.int().min(1),
  /** Probability of a false alarm: of one guardrail and candidate, or of all of them together; see `alphaPer`. */
  alpha: z.number().gt(0).lt(0.5),
  /**
   * `guardrail`: harm is proven at `alpha` for every guardrail and candidate. `experiment`: they share it by the guardrails' weights, so that an
   * equal candidate is rolled back with probability `alpha` at most. Absent: `guardrail`.
   */
  alphaPer: z.enum(['guardrail', 'experiment']).optional(),
  /** Control units whose values fix relative margins and bounds; they are not judged. */
  baselineUnits: z.int().min(20),
  /**
   * Latency is not judged by the first requests of a variant or instance: so many, or for so long, whichever is over first. Absent: as
   * {@link DEFAULT_WARM_UP} says.
   */
  warmUp: z.union([z.literal('off'), z.object({ requests: z.int().min(1), forMs: z.int().min(1) })]).optional(),
  /**
   * How much is left out of the test of harm after a bad event of the smaller variant, since one stall hits many requests: nothing (`off`),
   * a fifth of the data, or all for a time. Absent: a fifth.
   */
  episodes: z.union([z.enum(['off', 'fifth']), z.object({ lengthMs: z.int().min(1) })]).optional(),
});
export type ExperimentSpec = z.infer<typeof experimentSpec>;
export type VariantSpec = z.infer<typeof variant>;

/** Differences in utility below 1 % of control's value matter to nobody, unless the experiment says otherwise. */
export const DEFAULT_ROPE = 0.01;

/** A model is loaded and its caches are filled within a minute, or within twenty requests. */
export const DEFAULT_WARM_UP = { requests: 20, forMs: 60_000 } as const;

/** The ladder of `ramp: auto`. */
export const AUTO_LADDER_PPM: readonly number[] = [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, MILLION];
