import type { GateAnswer } from './events.js';
import type { Gate } from './state.js';
import type { OpenOfVariants } from './rules/unanswered.js';
import type { AllocationApplied, ExperimentAnalysed, ExperimentSpec } from '#libs/contracts';

/** Time and identity come in as values: the same input on the same state gives the same events. */
interface Input {
  readonly atMs: number;
  /** The id of the command that follows; at most one does. */
  readonly commandId: string;
}

interface OperatorInput extends Input {
  readonly actor: string;
  /** Why, in the operator's words. */
  readonly note: string;
}

export interface Define extends OperatorInput {
  readonly type: 'define';
  readonly spec: ExperimentSpec;
  /** Hash of each variant's configuration, by variant. */
  readonly fingerprints: Readonly<Record<string, string>>;
  /** Digest of the file as it was written. */
  readonly file?: string | undefined;
}

export interface Operate extends OperatorInput {
  readonly type: 'pause' | 'resume' | 'promote' | 'rollback' | 'drop-arm' | 'new-attempt' | 'end' | 'archive';
  /** Whom to promote, needed where there are several candidates; or whom to drop. */
  readonly variant?: string | undefined;
  /** Of a rollback: the newest analysis that the controller has heard, where that was lately; it says how control does. */
  readonly analysis?: ExperimentAnalysed | undefined;
}

export interface Approve extends OperatorInput {
  readonly type: 'approve';
  /** Index of the ramp stage; without it the next stage that needs an approval. */
  readonly stage?: number;
}

/** What a gate has said; see `gate-answered`. */
export interface GateSaid extends Input, Gate {
  readonly type: 'gate-said';
  /** That it was asked about: what is said of another one means nothing. */
  readonly revision: number;
  readonly answer: GateAnswer;
  readonly reason: string;
}

export interface Analysed extends Input {
  readonly type: 'analysed';
  readonly analysis: ExperimentAnalysed;
  /** What routers say of requests without an end; absent where they say nothing, and where decisions are made again from their log. */
  readonly underWay?: OpenOfVariants | undefined;
}

/** Time has passed. */
export interface Tick extends Input {
  readonly type: 'tick';
  /**
   * When the controller last heard an analysis of the experiment; null where none is expected: it has heard none yet, or the last one said
   * that there is no traffic.
   */
  readonly lastAnalysedAtMs: number | null;
  /** Silence after which the analysis counts as lost. */
  readonly analysisSilentAfterMs: number;
}

/** A controller took over, having rebuilt the state from the log. */
export interface Restarted extends Input {
  readonly type: 'restarted';
}

export interface Applied extends Input {
  readonly type: 'applied';
  readonly applied: AllocationApplied;
}

/** Not every live router follows the order of this epoch. */
export interface Contested extends Input {
  readonly type: 'contested';
  readonly epoch: number;
  /** The largest epoch of the service that a router obeys; larger than the order's after a database was restored. */
  readonly servedEpoch: number;
  /** Routers that have not followed it. */
  readonly behind: readonly string[];
  /** What to tell of somebody else who gives orders in the controller's name. Absent: nobody does, and the order is given again. */
  readonly forged?: string;
}

export type DeliveryInput = Define | Operate | Approve | GateSaid | Analysed | Tick | Restarted | Applied | Contested;
