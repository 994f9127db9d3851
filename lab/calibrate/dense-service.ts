import {
  type AllocationCommanded,
  type AnalysisHealth,
  type ExperimentAnalysed,
  type ExperimentDefined,
  harmAlphaOf,
  type MetricAnalysis,
} from '#libs/contracts';
import { logMeanExp, rejects } from '#libs/statistics';
import type { SimulatedService } from '#libs/testing/delivery';
import type { Behaviour } from '#libs/testing/traffic';
import { CanaryTraffic, type CommonDrift, START_MS } from './canary-traffic.js';
import { type DenseGuardrail, denseGuardrails } from './dense-guardrails.js';
import { DenseHealth } from './dense-health.js';

const REQUESTS_PER_SECOND = 100;

/**
 * A canary's service as `foldedService` of libs/delivery simulates it on one partition, without building events: the same traffic,
 * statistics and health, hence the same commands (the calibration's spec compares them), many times as fast. Estimates are left out:
 * no command depends on them.
 * @param drawn the candidate's real share of the requests, as a multiple of the ordered one.
 * @param drift how the values of both variants move together; default: not at all.
 */
export function denseService(options: {
  readonly seed: number;
  readonly definition: ExperimentDefined;
  readonly candidate: Behaviour;
  readonly drawn?: number;
  readonly drift?: CommonDrift;
}): SimulatedService {
  const { seed, definition, candidate, drawn = 1, drift } = options;
  const { spec } = definition;
  const traffic = new CanaryTraffic(seed, candidate, 0, drift);
  traffic.drawn = drawn;
  const sharesPpm = spec.ramp.stages.slice(1).map(({ weightPpm }) => weightPpm);
  const guardrails = denseGuardrails(sharesPpm.map((ppm) => ppm / 1e6));
  const health = new DenseHealth(spec.alpha);
  const metrics = guardrails.map(
    (guardrail) =>
      new DenseMetric(guardrail, sharesPpm, { alpha: spec.alpha, harmAlpha: harmAlphaOf(spec, guardrail.metric) }),
  );
  let requests = 0;
  let ordered = { epoch: 0, stage: 0 };
  let served = ordered;
  const atMs = (): number => START_MS + (requests * 1000) / REQUESTS_PER_SECOND;
  return {
    get atMs() {
      return atMs();
    },
    next() {
      traffic.next();
      requests += 1;
      served = ordered;
      const { request } = traffic;
      for (const guardrail of guardrails) guardrail.observe(request);
      health.observe(request, Math.floor(atMs() / 1000));
      return request.isCandidate;
    },
    obey(command: AllocationCommanded) {
      traffic.share = (command.weightsPpm['candidate'] as number) / 1e6;
      health.obey(command);
      ordered = command;
    },
    analysis(): ExperimentAnalysed {
      const found = health.health();
      for (const metric of metrics) metric.look(found.coverage);
      return {
        analysisId: 'dense',
        experiment: definition.experiment,
        revision: definition.revision,
        epoch: served.epoch,
        stage: served.stage,
        alpha: spec.alpha,
        analysedAt: '',
        newestEventAt: null,
        requests: {},
        units: {},
        unitsInStage: health.unitsInStage,
        metrics,
        health: found,
      };
    },
  };
}

/** As libs/evidence: the difference in coverage from which scores can't be judged, by what is judged of them. */
const SMALLEST_GAPS: Readonly<Record<string, number>> = { alignment: 0.01, 'wrong-pictures': 0.004 };

/** What is known of a guardrail at a look; worked out when it is asked for, once. */
class DenseMetric implements MetricAnalysis {
  readonly metric: string;
  readonly candidate = 'candidate';
  readonly role = 'guardrail';
  readonly unit = '';
  readonly direction = 'lower';
  readonly reason = 'dense';
  readonly n = { control: { units: 0, events: 0 }, candidate: { units: 0, events: 0 } };
  readonly estimate = { control: null, candidate: null, effect: null };
  readonly interval = null;
  readonly scale = 'difference';
  readonly margin = null;
  readonly budget: MetricAnalysis['budget'];
  private coverage: AnalysisHealth['coverage'] | null = null;
  private known: Partial<Pick<MetricAnalysis, 'verdict' | 'lnE'>> = {};
  private readonly knownAtRung: (number | undefined)[];

  constructor(
    private readonly guardrail: DenseGuardrail,
    sharesPpm: readonly number[],
    private readonly levels: { readonly alpha: number; readonly harmAlpha: number },
  ) {
    this.metric = guardrail.metric;
    this.knownAtRung = sharesPpm.map(() => undefined);
    this.budget = sharesPpm.map((sharePpm, rung) => this.budgetStep(sharePpm, rung));
  }

  /** Forgets what was known at the look before. */
  look(coverage: AnalysisHealth['coverage']): void {
    this.coverage = coverage;
    this.known = {};
    this.knownAtRung.fill(undefined);
  }

  get verdict(): MetricAnalysis['verdict'] {
    return (this.known.verdict ??= this.judge());
  }

  get lnE(): MetricAnalysis['lnE'] {
    if (!this.guardrail.isJudged) return null;
    return (this.known.lnE ??= {
      harmful: this.guardrail.lnEHarmful(),
      nonInferior: this.atRung(this.budget.length - 1),
      superior: this.guardrail.lnESuperior(),
    });
  }

  private judge(): MetricAnalysis['verdict'] {
    const { guardrail } = this;
    const { alpha, harmAlpha } = this.levels;
    if (guardrail.isJudged && rejects(guardrail.lnEHarmful(), harmAlpha)) return 'harmful';
    if (this.isMissingMoreOften()) return 'unmeasurable';
    if (!guardrail.isJudged) return 'undecided';
    if (rejects(guardrail.lnESuperior(), alpha)) return 'superior';
    return rejects(this.atRung(this.budget.length - 1), alpha) ? 'non-inferior' : 'undecided';
  }

  /** Scores that are there say nothing of a field that they are without: every one has both. */
  private isMissingMoreOften(): boolean {
    const smallest = SMALLEST_GAPS[this.metric];
    const { control = null, candidate = null } = this.coverage?.byVariant ?? {};
    if (smallest === undefined || control === null || candidate === null) return false;
    const lnE = logMeanExp([0, this.coverage?.lnE ?? 0]);
    return rejects(lnE, this.levels.alpha) && Math.abs(control - candidate) >= smallest;
  }

  private atRung(rung: number): number {
    return (this.knownAtRung[rung] ??= this.guardrail.lnENonInferior(rung));
  }

  private budgetStep(sharePpm: number, rung: number): MetricAnalysis['budget'][number] {
    const lnE = (): number => (this.guardrail.isJudged ? this.atRung(rung) : 0);
    const isProven = (): boolean => rejects(lnE(), this.levels.alpha);
    return {
      sharePpm,
      margin: 0,
      get lnENonInferior() {
        return lnE();
      },
      get nonInferior() {
        return isProven();
      },
    };
  }
}
