import type {
  AllocationCommanded,
  AnalysisHealth,
  CommandKind,
  CommandReason,
  ExperimentAnalysed,
  ExperimentPhase,
  ExperimentSpec,
  MetricAnalysis,
  PairsAnalysis,
  RequestRouted,
  ServedConfig,
} from '#libs/contracts';
import type { HealthNotes, MetricNote, Notice } from '#libs/delivery';
import type { AskedJudgements } from '../review/asked-judgements.js';

/** One line of the list of experiments. */
export interface ExperimentListing {
  readonly experiment: string;
  readonly revision: number;
  readonly service: string;
  /** The slot whose units it draws, of which its shares are shares; null where it has all of the service's. */
  readonly slot: string | null;
  readonly kind: ExperimentSpec['kind'];
  readonly phase: ExperimentPhase;
  readonly definedAt: string;
  readonly weightsPpm: Readonly<Record<string, number>>;
  /** The last thing that was decided; null before the first command. */
  readonly lastDecision: { readonly command: CommandKind; readonly message: string; readonly at: string } | null;
}

export interface ExperimentSummary {
  readonly experiment: string;
  readonly revision: number;
  readonly service: string;
  /** The slot whose units it draws, of which its shares are shares; null where it has all of the service's. */
  readonly slot: string | null;
  readonly kind: ExperimentSpec['kind'];
  readonly unit: ExperimentSpec['unit'];
  readonly phase: ExperimentPhase;
  readonly definedAt: string;
  readonly definedBy: string;
  readonly control: string;
  /** What candidates are compared with: control, or the baseline arm. */
  readonly comparedWith: string;
  readonly candidates: readonly string[];
  readonly alpha: number;
  /** Whether every guardrail has that α for itself, or all share it. */
  readonly alphaPer: NonNullable<ExperimentSpec['alphaPer']>;
  /** An e-process decides at ln E ≥ this: −ln alpha. */
  readonly decidesAtLnE: number;
  readonly stage: { readonly index: number; readonly of: number; readonly weightsPpm: readonly number[] };
  /** Whether the ramp may have to wait for a gate; which one it is, and what it said, the decision service knows. */
  readonly hasGates: boolean;
  readonly weightsPpm: Readonly<Record<string, number>>;
  readonly epoch: number;
  readonly variants: readonly VariantSummary[];
  /** Requests that were given to a candidate. */
  readonly exposed: number;
  /** Margins as they were written: a relative one is shown as a share of control's value. */
  readonly guardrails: readonly (Pick<ExperimentSpec['guardrails'][number], 'metric' | 'margin'> & {
    /** It is only tried: nothing follows from what it says. */
    readonly isDryRun?: true;
  })[];
  /** As last analysed; empty before the first analysis. */
  readonly metrics: readonly MetricSummary[];
  /** What comes before the ramp; null where the experiment has no shadow. */
  readonly shadow: ShadowSummary | null;
  /** Utility, gains and Pareto view; null where the experiment has no objectives, and before the first analysis. */
  readonly objectives: NonNullable<ExperimentAnalysed['objectives']> | null;
  readonly health: AnalysisHealth | null;
  /** What `health` means, in sentences; null before the first analysis. */
  readonly healthNotes: HealthNotes | null;
  /** What people should know although it decides nothing, and what is still to come; empty before the first analysis and after the end. */
  readonly notices: readonly Notice[];
  /** What the next stage asks of people who judge pictures; null where none asks, and after the end. */
  readonly asked: AskedJudgements | null;
  readonly analysedAt: string | null;
  /** Oldest first. */
  readonly decisions: readonly DecisionSummary[];
  /** Null until a rollback was applied. */
  readonly timeToRollback: TimeToRollback | null;
  /** The decision service that was heard last; null when none was ever heard. */
  readonly controller: { readonly name: string; readonly lastHeartbeatAt: string; readonly silentMs: number } | null;
}

/** The shadow: nobody is served by the candidate, copies of control's requests go to it. */
export interface ShadowSummary {
  /** False once the ramp has begun, and after the end. */
  readonly isUnderWay: boolean;
  /** Complete pairs that it takes. */
  readonly pairsWanted: number;
  readonly ratePpm: number;
  /** Nothing follows it. */
  readonly isAll: boolean;
  /** As last analysed; empty before the first pair. */
  readonly candidates: readonly ShadowedCandidate[];
}

/** What the pairs of one candidate say; the units of its metrics are pairs. */
type ShadowedCandidate = Omit<PairsAnalysis, 'metrics'> & { readonly metrics: readonly MetricAnalysis[] };

/** A metric as analysed, with what its figures leave out, rest on, or are held against besides. */
export interface MetricSummary extends MetricAnalysis {
  readonly notes: readonly MetricNote[];
}

export interface VariantSummary {
  readonly variant: string;
  /** `baseline`: control's configuration at the candidate's share, which the candidate is compared with. */
  readonly role: 'control' | 'candidate' | 'baseline';
  readonly config: ServedConfig;
  readonly fingerprint: string | null;
  readonly weightPpm: number;
  readonly requests: number;
  readonly requestsByOutcome: Readonly<Partial<Record<RequestRouted['outcome'], number>>>;
  /** Distinct units in the evidence; null before the first analysis. */
  readonly units: number | null;
}

export interface DecisionSummary {
  readonly epoch: number;
  readonly command: CommandKind;
  readonly stage: number;
  readonly weightsPpm: Readonly<Record<string, number>>;
  readonly reason: CommandReason;
  readonly message: string;
  readonly actor: string;
  readonly commandedAt: string;
  readonly terminal: boolean;
  readonly evidence: AllocationCommanded['evidence'];
  readonly applied: readonly ApplicationSummary[];
}

export interface ApplicationSummary {
  readonly router: string;
  readonly outcome: 'applied' | 'refused';
  readonly reason: string | null;
  readonly appliedAt: string;
  readonly commandedToAppliedMs: number;
  /** From the newest event the decision rests on; null for an operator's command. */
  readonly detectionToAppliedMs: number | null;
}

/** Over all routers that applied a rollback. */
export interface TimeToRollback {
  /** From the newest event in the evidence until the router obeyed; null where no rollback rested on evidence. */
  readonly detectionToAppliedMs: DurationSummary | null;
  readonly commandedToAppliedMs: DurationSummary;
}

export interface DurationSummary {
  readonly p50: number;
  readonly max: number;
}
