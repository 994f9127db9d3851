import {
  eventSource,
  stampEvent,
  topics,
  type AllocationApplied,
  type ExperimentAnalysed,
  type ExperimentFile,
  type ExperimentSpec,
  type MetricAnalysis,
  type ObjectiveAnalysis,
  type PairedMetricAnalysis,
  type PairsAnalysis,
  type ShadowStage,
  type TeststripEvent,
} from '#libs/contracts';
import type { Analysed, Applied, Approve, Define, Operate, Restarted, Tick } from '#libs/delivery';

/** A fixed beginning of time. */
export const T0 = Date.parse('2026-11-20T10:00:00.000Z');
const MINUTE_MS = 60_000;

export const minutes = (count: number): number => T0 + count * MINUTE_MS;

export const hours = (count: number): number => minutes(60 * count);

/** A canary with two guardrails on an automatic ramp, unless told otherwise. */
export function aSpec(overrides: Partial<ExperimentSpec> = {}): ExperimentSpec {
  const config = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 24, precision: 'fp16' };
  return {
    key: 'cheaper-sampler',
    service: 'text-to-image',
    kind: 'canary',
    unit: 'user',
    control: 'control',
    variants: {
      control: { upstream: 'http://127.0.0.1:8100/', config },
      candidate: { upstream: 'http://127.0.0.1:8101/', config: { ...config, sampler: 'unipc', steps: 12 } },
    },
    audience: [],
    ramp: {
      kind: 'auto',
      stages: [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000].map((weightPpm) => aStage(weightPpm)),
    },
    guardrails: [
      { metric: 'alignment', margin: { kind: 'relative', value: 0.01 }, rollbackOn: 'beyond-margin' },
      { metric: 'error-rate', margin: { kind: 'absolute', value: 0.005 }, rollbackOn: 'beyond-margin' },
    ],
    objectives: [],
    onInconclusive: 'rollback',
    onLostController: 'control',
    lostControllerAfterMs: 30_000,
    holdAtMostMs: 30 * MINUTE_MS,
    deadlineMs: 24 * 60 * MINUTE_MS,
    alpha: 0.05,
    baselineUnits: 200,
    ...overrides,
  };
}

/**
 * The file of a canary as a person writes it, watched for errors, unless told otherwise.
 * @param steps of the candidate, by which alone it differs
 */
export function aCanaryFile(
  key: string,
  more: Partial<ExperimentFile> = {},
  steps = 12,
): ExperimentFile & { readonly key: string } {
  const config = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 24, precision: 'fp16' };
  return {
    apiVersion: 'teststrip/v1',
    key,
    service: key,
    kind: 'canary',
    variants: {
      control: { upstream: 'http://127.0.0.1:8100', config },
      candidate: { upstream: 'http://127.0.0.1:8101', config: { ...config, steps } },
    },
    guardrails: [{ metric: 'error-rate', margin: '+0.5pp' }],
    ...more,
  };
}

export function aStage(
  weightPpm: number,
  conditions: Partial<ExperimentSpec['ramp']['stages'][number]> = {},
): ExperimentSpec['ramp']['stages'][number] {
  return { weightPpm, atLeastMs: 0, atLeastUnits: 0, approval: 'none', ...conditions };
}

export function explicitRamp(...stages: ExperimentSpec['ramp']['stages']): ExperimentSpec['ramp'] {
  return { kind: 'explicit', stages };
}

/** An undecided metric with numbers in it. */
export function aMetric(metric: string, overrides: Partial<MetricAnalysis> = {}): MetricAnalysis {
  return {
    metric,
    candidate: 'candidate',
    role: 'guardrail',
    verdict: 'undecided',
    reason: 'collecting',
    n: { control: { units: 4302, events: 4302 }, candidate: { units: 171, events: 171 } },
    scale: 'difference',
    lnE: { harmful: 1.2, nonInferior: 0.4 },
    budget: [],
    ...(metric === 'error-rate' ? ERROR_RATE : ALIGNMENT),
    ...overrides,
  };
}

type Numbers = Pick<MetricAnalysis, 'kind' | 'unit' | 'direction' | 'estimate' | 'interval' | 'margin'>;

const ALIGNMENT: Numbers = {
  kind: 'mean',
  unit: 'cosine',
  direction: 'higher',
  estimate: { control: 0.951, candidate: 0.93, effect: -0.021 },
  interval: { low: -0.03, high: -0.012 },
  margin: 0.0095,
};

const ERROR_RATE: Numbers = {
  kind: 'rate',
  unit: 'share of requests',
  direction: 'lower',
  estimate: { control: 0.01, candidate: 0.03, effect: 0.02 },
  interval: { low: 0.008, high: 0.032 },
  margin: 0.005,
};

/** Non-inferior at margin ÷ share for shares up to this one; at the margin itself where the share is everything. */
export function provenUpTo(metric: string, sharePpm: number): MetricAnalysis {
  return aMetric(metric, {
    verdict: sharePpm === 1_000_000 ? 'non-inferior' : 'undecided',
    lnE: { harmful: -3, nonInferior: sharePpm === 1_000_000 ? 4 : 1 },
    budget: [20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000].map((step) => ({
      sharePpm: step,
      margin: 0.0095 / (step / 1_000_000),
      lnENonInferior: step <= sharePpm ? 3.5 : 1,
      nonInferior: step <= sharePpm,
    })),
  });
}

export const harmful = (metric: string): MetricAnalysis =>
  aMetric(metric, { verdict: 'harmful', reason: 'worse-than-margin', lnE: { harmful: 3.4, nonInferior: -9 } });

/** A shadow before the ramp: 350 pairs, a tenth of the requests, four copies at a time. */
export const aShadow = (overrides: Partial<ShadowStage> = {}): Pick<ExperimentSpec, 'shadow'> => ({
  shadow: { pairs: 350, ratePpm: 100_000, concurrency: 4, ...overrides },
});

/** A guardrail as pairs judge it: undecided, unless told otherwise. */
export function aPairedMetric(metric: string, overrides: Partial<PairedMetricAnalysis> = {}): PairedMetricAnalysis {
  const { estimate, margin, scale } = aMetric(metric);
  return {
    metric,
    role: 'guardrail',
    verdict: 'undecided',
    reason: 'collecting',
    n: 350,
    estimate,
    scale,
    margin,
    lnE: { harmful: -1, nonInferior: 0.4, superior: 0 },
    budget: [],
    ...overrides,
  };
}

/** Pairs of which both guardrails are proven non-inferior at margin ÷ share for shares up to this one. */
export function somePairs(n: number, allowsPpm: number, overrides: Partial<PairsAnalysis> = {}): PairsAnalysis {
  const ladder = aSpec().ramp.stages.map(({ weightPpm }) => weightPpm);
  const budget = ladder.map((sharePpm) => ({
    sharePpm,
    margin: 0.0095 / (sharePpm / 1_000_000),
    lnENonInferior: sharePpm <= allowsPpm ? 3.5 : 1,
    nonInferior: sharePpm <= allowsPpm,
  }));
  const stage = Math.max(
    0,
    ladder.findLastIndex((sharePpm) => sharePpm <= allowsPpm && sharePpm < 1_000_000),
  );
  return {
    candidate: 'candidate',
    n,
    halves: { control: 0, candidate: 0 },
    withdrawn: 0,
    repeated: 0,
    pixels: { compared: n, equal: 0, share: n === 0 ? null : 0 },
    allowsPpm,
    firstStage: { stage, sharePpm: ladder[stage] as number },
    hardest: allowsPpm === 1_000_000 ? null : 'alignment',
    metrics: [aPairedMetric('alignment', { n, budget }), aPairedMetric('error-rate', { n, budget })],
    ...overrides,
  };
}

/** A utility over control between two ends, from the objective "quality" alone. */
export function aUtility(
  candidate: string,
  low: number,
  high: number,
  verdict: ObjectiveAnalysis['utility']['verdict'] = 'undecided',
): ObjectiveAnalysis {
  const estimate = (low + high) / 2;
  const interval = { low, high };
  return {
    candidate,
    utility: { estimate, interval, verdict, reason: 'collecting' },
    gains: [{ metric: 'quality', weight: 1, estimate, interval, missing: null }],
  };
}

/** What an analysis says of the objectives; differences below 1 % don't matter. */
export const objectives = (...candidates: ObjectiveAnalysis[]): Pick<ExperimentAnalysed, 'objectives'> => ({
  objectives: { rope: 0.01, candidates, pareto: [] },
});

export const HEALTHY: ExperimentAnalysed['health'] = {
  srm: {
    status: 'ok',
    lnE: -2,
    observed: { control: 990, candidate: 10 },
    expected: { control: 990, candidate: 10 },
  },
  coverage: { status: 'ok', lnE: -0.4, byVariant: { control: 0.998, candidate: 1 } },
  staleness: {
    status: 'ok',
    lastRoutedAt: '2026-11-20T10:15:30.990Z',
    lastGeneratedAt: '2026-11-20T10:15:30.970Z',
    lastScoredAt: '2026-11-20T10:15:30.980Z',
  },
};

export const SPLIT_IS_OFF: ExperimentAnalysed['health'] = {
  ...HEALTHY,
  srm: { ...HEALTHY.srm, status: 'mismatch', lnE: 9 },
};
export const SCORES_SILENT: ExperimentAnalysed['health'] = {
  ...HEALTHY,
  staleness: { ...HEALTHY.staleness, status: 'scores-silent' },
};
export const TELEMETRY_SILENT: ExperimentAnalysed['health'] = {
  ...HEALTHY,
  staleness: { ...HEALTHY.staleness, status: 'telemetry-silent' },
};
export const COVERAGE_GAP: ExperimentAnalysed['health'] = {
  ...HEALTHY,
  coverage: { ...HEALTHY.coverage, status: 'gap' },
};

let identity = 0;
const nextId = (): string => `command-${(identity += 1)}`;

/** Inputs at a time; everything else has a default. */
export const define = (atMs: number, spec = aSpec(), overrides: Partial<Define> = {}): Define => ({
  type: 'define',
  atMs,
  commandId: nextId(),
  actor: 'ana',
  note: '',
  spec,
  fingerprints: Object.fromEntries(Object.keys(spec.variants).map((name) => [name, `fingerprint-${name}`])),
  ...overrides,
});

export const analysed = (
  atMs: number,
  metrics: readonly MetricAnalysis[],
  overrides: Partial<ExperimentAnalysed> = {},
): Analysed => ({
  type: 'analysed',
  atMs,
  commandId: nextId(),
  analysis: {
    analysisId: `analysis-at-${atMs - T0}`,
    experiment: 'cheaper-sampler',
    revision: 1,
    epoch: 1_000,
    stage: 0,
    alpha: 0.05,
    analysedAt: new Date(atMs).toISOString(),
    newestEventAt: new Date(atMs - 20).toISOString(),
    requests: { control: 4_400, candidate: 180 },
    units: { control: 4_302, candidate: 171 },
    unitsInStage: 2_000,
    metrics: [...metrics],
    health: HEALTHY,
    ...overrides,
  },
});

/** The same of this moment as the analyzer publishes it. */
export function analysisEvent(
  experiment: string,
  metrics: readonly MetricAnalysis[],
  overrides: Partial<ExperimentAnalysed> = {},
): TeststripEvent<'experiment.analysed.v1'> {
  const timeMs = Date.now();
  const { analysis, commandId } = analysed(timeMs, metrics, { experiment, ...overrides });
  const type = topics.experimentAnalysed.name;
  const draft = { type, subject: experiment, data: analysis, id: `${experiment}-${commandId}`, timeMs };
  return stampEvent(draft, eventSource('analyzer', 'test'));
}

export const operator = (type: Operate['type'], atMs: number, note = 'because I say so'): Operate => ({
  type,
  atMs,
  commandId: nextId(),
  actor: 'ana',
  note,
});

export const approval = (atMs: number, stage?: number): Approve => ({
  type: 'approve',
  atMs,
  commandId: nextId(),
  actor: 'ana',
  note: 'looks good',
  ...(stage === undefined ? {} : { stage }),
});

export const tick = (atMs: number, lastAnalysedAtMs: number | null = atMs): Tick => ({
  type: 'tick',
  atMs,
  commandId: nextId(),
  lastAnalysedAtMs,
  analysisSilentAfterMs: MINUTE_MS,
});

export const restarted = (atMs: number): Restarted => ({ type: 'restarted', atMs, commandId: nextId() });

export const applied = (
  atMs: number,
  of: Pick<AllocationApplied, 'commandId' | 'epoch'>,
  overrides: Partial<AllocationApplied> = {},
): Applied => ({
  type: 'applied',
  atMs,
  commandId: nextId(),
  applied: {
    experiment: 'cheaper-sampler',
    revision: 1,
    router: 'router-1',
    outcome: 'applied',
    reason: null,
    weightsPpm: { control: 1_000_000, candidate: 0 },
    commandedAt: new Date(atMs - 10).toISOString(),
    appliedAt: new Date(atMs).toISOString(),
    commandId: of.commandId,
    epoch: of.epoch,
    ...overrides,
  },
});
