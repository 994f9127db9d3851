import type { AllocationCommanded, AnalysisHealth } from '#libs/contracts';
import { type Arm, initialTilt, lnEDifferent, lnESampleRatio, rejects } from '#libs/statistics';
import type { Request } from './canary-traffic.js';

/** As libs/evidence judges health. */
const SAMPLE_RATIO_ALPHA = 0.001;
const SMALLEST_SAMPLE = 20;
const SMALLEST_GAP = 0.01;
/** Seconds a score may take before its picture counts as missing. */
const SCORE_GRACE_S = 15;

type ByArm = Record<Arm, number>;

/** Units that were drawn under one allocation. */
interface AllocationCounts {
  readonly candidateShare: number;
  readonly counts: ByArm;
}

/** Answered requests of one second under one propensity, and those of them that were scored. */
interface SecondOfScores {
  readonly second: number;
  readonly propensity: number;
  readonly answered: ByArm;
  readonly scored: ByArm;
}

/**
 * Whether the numbers of a canary can be trusted, as libs/evidence judges it, without events: the split, and the coverage of those old
 * enough to have been scored. Sources don't fall silent here: control is always scored.
 */
export class DenseHealth {
  /** By stage and candidate's share: who is held and goes on draws units as before. */
  private readonly allocations = new Map<string, AllocationCounts>();
  private current: AllocationCounts = { candidateShare: 0, counts: { control: 0, candidate: 0 } };
  private readonly units = { control: 0, candidate: 0 };
  /** Seconds that are too young to be counted, in order. */
  private young: SecondOfScores[] = [];
  private newestAnswered = 0;
  private readonly byPropensity = new Map<number, { readonly answered: ByArm; readonly scored: ByArm }>();

  constructor(private readonly alpha: number) {}

  obey({ stage, weightsPpm }: AllocationCommanded): void {
    const candidateShare = (weightsPpm['candidate'] as number) / 1e6;
    const key = `${stage} ${candidateShare}`;
    this.current = this.allocations.get(key) ?? { candidateShare, counts: { control: 0, candidate: 0 } };
    this.allocations.set(key, this.current);
  }

  observe({ arm, propensity, isFailed, isScored }: Request, second: number): void {
    this.current.counts[arm] += 1;
    this.units[arm] += 1;
    if (isFailed) return;
    this.newestAnswered = second;
    let cell = this.young.at(-1);
    if (cell?.second !== second || cell.propensity !== propensity) {
      cell = { second, propensity, answered: { control: 0, candidate: 0 }, scored: { control: 0, candidate: 0 } };
      this.young.push(cell);
    }
    cell.answered[arm] += 1;
    if (isScored) cell.scored[arm] += 1;
  }

  /** Units under the present allocation. */
  get unitsInStage(): number {
    return this.current.counts.control + this.current.counts.candidate;
  }

  health(): AnalysisHealth {
    return { srm: this.sampleRatio(), coverage: this.coverage(), staleness: SPEAKING };
  }

  private sampleRatio(): AnalysisHealth['srm'] {
    const lnE = this.sampleRatioLnE();
    const units = this.units.control + this.units.candidate;
    const status = units < SMALLEST_SAMPLE ? 'not-enough-data' : rejects(lnE, SAMPLE_RATIO_ALPHA) ? 'mismatch' : 'ok';
    return { status, lnE, observed: this.units, expected: {} };
  }

  private sampleRatioLnE(): number {
    return [...this.allocations.values()].reduce(
      (sum, { candidateShare, counts }) =>
        sum + lnESampleRatio([counts.candidate, counts.control], [candidateShare, 1 - candidateShare]),
      0,
    );
  }

  private coverage(): AnalysisHealth['coverage'] {
    this.countGrownUp();
    const missing = initialTilt();
    const answered = { control: 0, candidate: 0 };
    const scored = { control: 0, candidate: 0 };
    for (const [propensity, cell] of this.byPropensity) {
      for (const arm of ['control', 'candidate'] as const) {
        answered[arm] += cell.answered[arm];
        scored[arm] += cell.scored[arm];
      }
      missing.hits.set(propensity, {
        control: cell.answered.control - cell.scored.control,
        candidate: cell.answered.candidate - cell.scored.candidate,
      });
    }
    const lnE = lnEDifferent(missing, 0);
    const control = answered.control === 0 ? null : scored.control / answered.control;
    const candidate = answered.candidate === 0 ? null : scored.candidate / answered.candidate;
    const byVariant = { control, candidate };
    if (control === null || candidate === null || answered.control + answered.candidate < SMALLEST_SAMPLE)
      return { status: 'not-enough-data', lnE, byVariant };
    const isGap = rejects(lnE, this.alpha) && Math.abs(control - candidate) >= SMALLEST_GAP;
    return { status: isGap ? 'gap' : 'ok', lnE, byVariant };
  }

  private countGrownUp(): void {
    const cut = this.newestAnswered - SCORE_GRACE_S;
    let grown = 0;
    for (const { second, propensity, answered, scored } of this.young) {
      if (second > cut) break;
      grown += 1;
      const cell = this.byPropensity.get(propensity) ?? {
        answered: { control: 0, candidate: 0 },
        scored: { control: 0, candidate: 0 },
      };
      this.byPropensity.set(propensity, cell);
      for (const arm of ['control', 'candidate'] as const) {
        cell.answered[arm] += answered[arm];
        cell.scored[arm] += scored[arm];
      }
    }
    if (grown > 0) this.young = this.young.slice(grown);
  }
}

const SPEAKING: AnalysisHealth['staleness'] = {
  status: 'ok',
  lastRoutedAt: null,
  lastGeneratedAt: null,
  lastScoredAt: null,
};
