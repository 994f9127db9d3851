import { z } from 'zod';
import { slug, timestamp } from '../names.js';
import { defineTopic } from './topic.js';

export const verdict = z.enum(['harmful', 'non-inferior', 'superior', 'undecided', 'unmeasurable']);
export type Verdict = z.infer<typeof verdict>;

/** Units: those whose first value is in the tests. Events: all values, those of units that came back and of units beyond the memory among them. */
const sampleSize = z.object({ units: z.int().min(0), events: z.int().min(0) });

/** What one variant's values alone say of an absolute limit. */
const limitReading = z.object({
  /** By tests over the whole run at level α each. */
  verdict: z.enum(['within', 'beyond', 'undecided']),
  /** Whether it is broken at present, whatever was before: an alarm, no proof. */
  isBrokenNow: z.boolean(),
  units: z.int().min(0),
  lnE: z.object({ beyond: z.number(), within: z.number() }),
});
export type LimitReading = z.infer<typeof limitReading>;

/** Of one variant: shares of its values beyond the bounds, and of Σ|value| that lies beyond them. */
const clippedShare = z.object({
  values: z.number().min(0).max(1),
  sum: z.number().min(0).max(1),
  /** Share of the sum that a single value has beyond the bounds; absent in analyses of before. */
  furthest: z.number().min(0).max(1).optional(),
});

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
  /**
   * Of the events those that the test of harm passed over, because they came within an episode: one stall of one instance counts once. They are
   * shown and count for proofs all the same. Absent: none.
   */
  leftOut: z.object({ control: z.int().min(0), candidate: z.int().min(0) }).optional(),
  /**
   * Values of durations that are in none of the figures, because one of the two variants, or an instance of it, was starting when they came. Absent:
   * none.
   */
  warmUp: z.object({ control: z.int().min(0), candidate: z.int().min(0) }).optional(),
  /**
   * Estimates per variant; null with too little data, never 0 for missing. Rates and lower tails (`rate`, `lower-tail`) are of all events, all
   * others of the units' first values.
   */
  estimate: z.object({
    control: z.number().nullable(),
    candidate: z.number().nullable(),
    /** candidate − control; their ratio − 1, ln rate ratio or P(candidate higher) − ½ where `scale` says so. */
    effect: z.number().nullable(),
  }),
  /**
   * Anytime-valid 1 − α interval of `effect`; null where it can't be computed. It rests on units' first values: where later ones say something
   * else it is left out (`missing.interval: later-requests-differ`).
   */
  interval: z.object({ low: z.number(), high: z.number() }).nullable(),
  scale: z.enum(['difference', 'relative', 'ln-rate-ratio', 'ratio', 'probability']),
  /**
   * The guardrail's margin; null where nothing is tested, and before the baseline is known. What it is in depends on how is judged:
   *
   * | scale | kind | margin |
   * |---|---|---|
   * | `difference` | `mean`, `ratio` | a difference in the metric's unit; a relative one has been taken of control's baseline |
   * | `difference` | `rate` | as it was written: an absolute one is a difference of shares; a relative one, m, allows 1 + m times as many bad events |
   * | `relative` | `upper-tail` | a difference in the metric's unit; a relative one has been taken of control's estimate |
   * | `ln-rate-ratio` | `incidence`, `lower-tail` | as it was written: m allows 1 + m times as many; an absolute one of a lower tail is added to the tail's share |
   * | `probability` | `preference` | how far below one half the share of comparisons won may be |
   *
   * The margins in `budget` are in the same.
   */
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
  /** Level at which harm is proven, where it is a share of the experiment's α; absent: `alpha` itself. */
  harmAlpha: z.number().gt(0).lt(1).optional(),
  /** An absolute limit, in the metric's unit; absent where there is none. */
  limit: z
    .object({
      kind: z.enum(['at-most', 'at-least']),
      value: z.number(),
      control: limitReading,
      candidate: limitReading,
    })
    .optional(),
  /** Shares of the units with a value, among those that should have one; absent where that is not known. */
  withValue: z.object({ control: z.number().nullable(), candidate: z.number().nullable() }).optional(),
  /**
   * What lies beyond the bounds that means and ratios are compared within, narrowest bounds first, as they were laid around control's first
   * units; a variant is null before it has values. The margin itself is proven within the last ones. Absent where nothing is bet on.
   */
  clipped: z
    .array(
      z.object({
        low: z.number(),
        high: z.number(),
        control: clippedShare.nullable(),
        candidate: clippedShare.nullable(),
      }),
    )
    .optional(),
  /** Damage budget: may the share rise to `share`? Non-inferiority at margin ÷ share. */
  budget: z.array(
    z.object({ sharePpm: z.int(), margin: z.number(), lnENonInferior: z.number(), nonInferior: z.boolean() }),
  ),
});
export type MetricAnalysis = z.infer<typeof metricAnalysis>;

/** Whether the recent requests come from units that were not seen before: only those prove that a candidate is no worse. */
const newUnits = z.object({
  /** `few`: at most a tenth of the recent requests; `none`: not a single one. */
  status: z.enum(['ok', 'few', 'none', 'not-enough-data']),
  /** Recent randomised requests, and how many of them were the first of their unit. */
  requests: z.int().min(0),
  newUnits: z.int().min(0),
  /** newUnits ÷ requests; null without any. */
  share: z.number().min(0).max(1).nullable(),
  /** From the first to the last of these requests; null without any. */
  seconds: z.number().min(0).nullable(),
});

/** Whether units can be told apart and are of comparable size. A warning; it holds nothing. */
const unitIds = z.object({
  /** Requests whose unit was no name ("undefined", "[object Object]", blank): they are shown and judge nothing. */
  nameless: z.int().min(0),
  /** Events of units that came when the memory of units was full: they count for harm only. */
  beyondMemory: z.int().min(0),
  /** The unit with the most requests where it has more than a twentieth of them all; null: none has. */
  heaviest: z.object({ unit: z.string(), requests: z.int().min(0), share: z.number().min(0).max(1) }).nullable(),
});

/**
 * Requests, not units, by variant. Units are split as ordered and one variant still gets more requests than its share: its units come back
 * more often (retries after failures, for one). A warning; it holds nothing.
 */
const requestSplit = z.object({
  status: z.enum(['ok', 'unequal', 'not-enough-data']),
  /** ln E against "units come equally often whatever their variant"; of the variant that is furthest off. */
  lnE: z.number(),
  observed: z.record(slug, z.int()),
  expected: z.record(slug, z.number()),
});
/**
 * What a service says of itself and what cannot be so.
 * - `unit-of-measure`: `field` of `variant` is `factor` times what the router's time and the other variants make plausible; 0: it is 0 throughout,
 *   and that of another variant is not.
 * - `another-configuration`: the fingerprint `found` answers for the variant; `expected` is declared (null: it has to differ from control's).
 * - `configuration-changed`: both were seen, so the service was changed in the middle.
 * - `scorer-blind`: over control's latest pictures the scorer tells a picture's own prompt from other pictures' with an AUC of `factor`, near to the ½
 *   of chance, so that alignment says nothing.
 * - `scorer-changed`: scores of another scorer (`digest/preprocessing`) came as well; they are left out.
 */
export const consistencyFinding = z.object({
  kind: z.enum(['unit-of-measure', 'another-configuration', 'configuration-changed', 'scorer-changed', 'scorer-blind']),
  variant: slug,
  field: z.string().nullable(),
  factor: z.number().nullable(),
  expected: z.string().nullable(),
  found: z.string().nullable(),
  /** Guardrails and objectives that rest on it. */
  metrics: z.array(z.string()),
});
export type ConsistencyFinding = z.infer<typeof consistencyFinding>;

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
    /**
     * Generations and scores that were to be expected since the last one: answered requests since then, times the share of requests that
     * has one. Absent in analyses of before silence was judged by them.
     */
    owedGenerations: z.int().min(0).optional(),
    owedScores: z.int().min(0).optional(),
    /** Pictures that the scorer could not get or may not read, and why not the latest of them; absent where there are none. */
    unscored: z.object({ pictures: z.int().min(1), reason: z.string().nullable() }).optional(),
  }),
  /** The services' figures against the router's, their configurations against the declared ones; absent in analyses of before. */
  consistency: z
    .object({ status: z.enum(['ok', 'inconsistent', 'not-enough-data']), findings: z.array(consistencyFinding) })
    .optional(),
  /** Values of the experiment's events that were read for what they mean instead of being refused, by kind (see `mend.ts`); absent: none. */
  mended: z.record(z.string(), z.int().min(1)).optional(),
  /** Watched shifts of a whole distribution: a warning, whatever the direction. */
  shift: z.object({ status: z.enum(['not-watched', 'none-found', 'found']), metrics: z.array(z.string()) }).optional(),
  newUnits: newUnits.optional(),
  unitIds: unitIds.optional(),
  requestSplit: requestSplit.optional(),
  /**
   * By variant, how its requests of the last minute ended, whatever they were drawn for; of up to ten minutes where one holds few. A variant without
   * any is left out. Absent in analyses of before.
   */
  recent: z
    .record(slug, z.object({ seconds: z.int().min(1), requests: z.int().min(1), failures: z.int().min(0) }))
    .optional(),
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
      /** Control's share is 0, so the gain is a difference of shares: 0.02 are two percentage points. Absent: a share of control's value. */
      isPoints: z.literal(true).optional(),
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

/** A metric as the pairs of shadow traffic judge it: the same names and units as in {@link metricAnalysis}. */
export const pairedMetricAnalysis = z.object({
  metric: z.string().min(1),
  role: z.enum(['guardrail', 'objective']),
  verdict,
  reason: z.string(),
  /** Pairs of which both sides have a value. */
  n: z.int().min(0),
  estimate: metricAnalysis.shape.estimate,
  scale: metricAnalysis.shape.scale,
  margin: z.number().nullable(),
  lnE: z.object({ harmful: z.number(), nonInferior: z.number(), superior: z.number() }).nullable(),
  budget: metricAnalysis.shape.budget,
});
export type PairedMetricAnalysis = z.infer<typeof pairedMetricAnalysis>;

/** What went through both variants, the candidate's side seen by nobody. */
export const pairsAnalysis = z.object({
  candidate: slug,
  /** Pairs of which the router has both sides, one per unit and prompt. */
  n: z.int().min(0),
  /** Requests of which one side never came, by the side that did. A copy that was never heard of counts as one that never ended. */
  halves: z.object({ control: z.int().min(0), candidate: z.int().min(0) }),
  /** Pairs of which the client or the router gave up one side. */
  withdrawn: z.int().min(0),
  /** Requests whose unit and prompt had a pair already. */
  repeated: z.int().min(0),
  /** Pairs of pictures whose decoded pixels were compared; share: of them that are equal, null without any. */
  pixels: z.object({
    compared: z.int().min(0),
    equal: z.int().min(0),
    share: z.number().min(0).max(1).nullable(),
  }),
  /** The largest share of the ramp at which every guardrail is proven within margin ÷ share; 0: none. */
  allowsPpm: z.int().min(0).max(1_000_000),
  /** The stage of the ramp that may come after the shadow: never that of all the traffic. */
  firstStage: z.object({ stage: z.int().min(0), sharePpm: z.int().min(0) }),
  /** The guardrail that allows least; null where all of them allow everything. */
  hardest: z.string().nullable(),
  metrics: z.array(pairedMetricAnalysis),
});
export type PairsAnalysis = z.infer<typeof pairsAnalysis>;

/**
 * What is still to come until an equal candidate is promoted, at control's numbers as they have been so far. About the middle of what happens; harm,
 * approvals and least times are not in it.
 */
export const proofForecast = z.object({
  /** Further units of both variants that were not seen before; null: at these margins some guardrail is never proven. */
  units: z.int().min(0).nullable(),
  /** The guardrail that takes longest; null where nothing is left to prove. */
  hardest: z.string().nullable(),
  /** Guardrails of which too little is known yet: they may take longer, and `units` is a lower bound. */
  unknown: z.array(z.string()),
});
export type ProofForecast = z.infer<typeof proofForecast>;

export const experimentAnalysed = z.object({
  analysisId: z.string().min(1),
  experiment: slug,
  revision: z.int32().min(1),
  /** By which policy of the revision it is judged; absent: by the first one. */
  policy: z.int32().min(1).optional(),
  /** Largest epoch seen in the folded events. */
  epoch: z.int32().min(0),
  stage: z.int32().min(0),
  alpha: z.number().min(0).max(1),
  analysedAt: timestamp,
  /** When the bus took the newest event that is in the evidence: detection latency counts from here. */
  newestEventAt: timestamp.nullable(),
  /** Requests routed under the experiment, by variant (all requests, not only first of a unit). */
  requests: z.record(slug, z.int().min(0)),
  units: z.record(slug, z.int().min(0)),
  /** Distinct units seen while the present stage (epoch) was in force, over all variants. */
  unitsInStage: z.int().min(0),
  metrics: z.array(metricAnalysis),
  /** Blinded judgements by candidate, "no difference" included, one per rater and prompt; absent where nobody has judged any. */
  judgements: z.record(slug, z.int().min(0)).optional(),
  /** By candidate with pairs of shadow traffic; absent where there are none. */
  pairs: z.array(pairsAnalysis).optional(),
  /** Absent where the experiment has no objectives. */
  objectives: z
    .object({ rope: z.number().min(0), candidates: z.array(objectiveAnalysis), pareto: z.array(paretoPlace) })
    .optional(),
  /** Absent where there is no ramp to climb, before anything is known, and in analyses of before it was computed. */
  forecast: proofForecast.optional(),
  health: analysisHealth,
});
export type ExperimentAnalysed = z.infer<typeof experimentAnalysed>;

export const experimentAnalysedTopic = defineTopic({
  name: 'experiment.analysed.v1',
  key: 'experiment',
  compacted: false,
  producedBy: ['analyzer'],
  consumedBy: ['decision', 'recorder', 'cli'],
  says: 'Estimates, anytime-valid intervals, e-values and verdicts per metric and candidate, with health.',
  schema: experimentAnalysed,
  example: {
    analysisId: '0190d5a2-8888-7c31-9d4e-5b8f0a1c2d3e',
    experiment: 'cheaper-sampler',
    revision: 1,
    epoch: 2,
    stage: 1,
    alpha: 0.05,
    analysedAt: '2026-11-20T10:15:31.020Z',
    newestEventAt: '2026-11-20T10:15:30.980Z',
    requests: { control: 4821, candidate: 251 },
    units: { control: 4302, candidate: 220 },
    unitsInStage: 2110,
    metrics: [
      {
        metric: 'alignment',
        candidate: 'candidate',
        role: 'guardrail',
        unit: 'cosine',
        direction: 'higher',
        verdict: 'undecided',
        reason: 'not-enough-data',
        n: { control: { units: 4302, events: 4302 }, candidate: { units: 220, events: 220 } },
        estimate: { control: 0.951, candidate: 0.9502, effect: -0.0008 },
        interval: { low: -0.0041, high: 0.0025 },
        scale: 'difference',
        margin: 0.00951,
        lnE: { harmful: -1.21, nonInferior: 1.94 },
        budget: [{ sharePpm: 100_000, margin: 0.0951, lnENonInferior: 5.3, nonInferior: true }],
      },
    ],
    health: {
      srm: {
        status: 'ok',
        lnE: -2.1,
        observed: { control: 4302, candidate: 220 },
        expected: { control: 4296.4, candidate: 225.6 },
      },
      coverage: { status: 'ok', lnE: -0.4, byVariant: { control: 0.998, candidate: 1 } },
      staleness: {
        status: 'ok',
        lastRoutedAt: '2026-11-20T10:15:30.990Z',
        lastGeneratedAt: '2026-11-20T10:15:30.970Z',
        lastScoredAt: '2026-11-20T10:15:30.980Z',
      },
    },
  },
});
