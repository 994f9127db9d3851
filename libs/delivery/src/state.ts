import type {
  AllocationApplied,
  AllocationCommanded,
  ExperimentDefined,
  ExperimentPhase,
  ExperimentSpec,
  WeightsPpm,
} from '#libs/contracts';
import type { AlertKind, GateAnswer, HoldCause } from './events.js';

/**
 * Form of a state, for who keeps one beside its log: what was kept in another form is not read, the log is. The next number whenever a field comes, goes
 * or means something else.
 */
export const STATE_FORM = 5;

/** One revision of an experiment that exists. */
interface Defined {
  /** A quarantined experiment has no state: that is why it is quarantined. */
  readonly phase: Exclude<ExperimentPhase, 'quarantined'>;
  readonly experiment: string;
  readonly revision: number;
  readonly spec: ExperimentSpec;
  readonly fingerprints: ExperimentDefined['fingerprints'];
  readonly definedAtMs: number;
  /** How often its policy was changed since the revision began. */
  readonly policy: number;
  /** By metric the policy under which its guardrail or limit became what it is, where that is not the first one. */
  readonly judgedSince: Readonly<Record<string, number>>;
  /** Digest of the file as it was written; absent where no file was given. */
  readonly file?: string;
  /** Of the newest command of any revision, or of the service where that is further; 0 before the first. */
  readonly epoch: number;
  /** Whose words the revision is: who applied it, and who has changed its policy since. */
  readonly appliedBy: readonly string[];
  readonly approvedStages: readonly number[];
  /** The next stage, where its approval is all that is missing. */
  readonly awaitsApprovalOf: number | null;
  /** Gates that were asked, in that order; absent: none was. */
  readonly gates?: readonly AskedGate[];
  /** Lists leave it out; absent: they don't. Whatever is ordered later brings it back. */
  readonly archived?: true;
}

/** A revision that routers have been told about. */
interface Started extends Defined {
  readonly startedAtMs: number;
  /** How long operators have kept it paused, without a pause that still lasts: the deadline's clock stood still. */
  readonly pausedMs: number;
  /** Index into `spec.ramp.stages`. */
  readonly stage: number;
  readonly stageStartedAtMs: number;
  /** Epoch under which the present stage began: an analysis that has not seen it yet cannot end the stage. */
  readonly stageEpoch: number;
  readonly weightsPpm: WeightsPpm;
  readonly lastCommand: AllocationCommanded;
  /** Newest answer of each router. */
  readonly acknowledgements: Readonly<Record<string, AllocationApplied>>;
  readonly alerts: readonly Alert[];
  /** Candidates that were proven harmful and are out of the race; absent: none. */
  readonly dropped?: readonly string[];
}

export interface Alert {
  readonly alert: AlertKind;
  readonly message: string;
  readonly atMs: number;
  /** Which of several things it is about; absent: there is one. */
  readonly about?: string;
}

/** A gate of the ramp: what has to be approved before its stage begins, or after it, before the next one does. */
export interface Gate {
  readonly stage: number;
  readonly when: 'before' | 'after';
  /** Its name. */
  readonly gate: string;
}

export interface AskedGate extends Gate {
  readonly askedAtMs: number;
  /** The newest; null before the first. */
  readonly answer: GateAnswer | null;
  /** What it said with it. */
  readonly reason: string;
}

/** No experiment has this key. */
export interface AbsentState {
  readonly phase: 'absent';
  /** Of the service that it is going to be about; absent: 0. */
  readonly epoch?: number;
}

/** Waits for the approval of its first stage. */
export interface DraftState extends Defined {
  readonly phase: 'draft';
}

/** Climbs its ramp. */
export interface RunningState extends Started {
  readonly phase: 'running';
}

/** Cannot be judged at present; the ramp stands still, proven harm still rolls back. */
export interface HeldState extends Started {
  readonly phase: 'held';
  readonly heldAtMs: number;
  readonly causes: readonly HoldCause[];
}

/** Stopped by an operator; proven harm still rolls back, and the deadline's clock stands still. */
export interface PausedState extends Started {
  readonly phase: 'paused';
  readonly pausedAtMs: number;
}

/** The candidate has all traffic. */
export interface PromotedState extends Started {
  readonly phase: 'promoted';
  readonly endedAtMs: number;
}

/** Control has all traffic, for good: nothing but a new revision leaves this state. */
export interface RolledBackState extends Started {
  readonly phase: 'rolled-back';
  readonly endedAtMs: number;
}

/** Ended by other means than promotion or rollback: a decided ab test, or an experiment that stayed inconclusive. */
export interface ConcludedState extends Started {
  readonly phase: 'concluded';
  readonly endedAtMs: number;
  readonly outcome: 'winner' | 'futile' | 'inconclusive' | 'passed';
  readonly winner: string | null;
}

/** A revision that analyses, timers and operators can still change. */
export type ActiveState = RunningState | HeldState | PausedState;
export type EndedState = PromotedState | RolledBackState | ConcludedState;
export type StartedState = ActiveState | EndedState;
export type DefinedState = DraftState | StartedState;
export type DeliveryState = AbsentState | DefinedState;

export const initialState: DeliveryState = { phase: 'absent' };

/**
 * Whether the revision is in its shadow: nobody is served by a candidate yet, copies of control's requests go to it. No revision of before there were
 * shadows ever is.
 */
export function isInShadow(state: DeliveryState): boolean {
  return isActive(state) && state.lastCommand.shadow !== undefined;
}

/** Whether the revision ended, or is, before its first share: a candidate of it has served nobody. */
export function isBeforeRamp({ spec, startedAtMs, stageStartedAtMs }: StartedState): boolean {
  return spec.shadow !== undefined && stageStartedAtMs === startedAtMs;
}

/** The state with a specification that knows which arms are out of the race: they are judged no more, and get no traffic. */
export function inRace<State extends StartedState>(state: State): State {
  const { dropped } = state;
  return dropped === undefined ? state : { ...state, spec: { ...state.spec, dropped } };
}

export function isSameGate(one: Gate, other: Gate): boolean {
  return one.stage === other.stage && one.when === other.when && one.gate === other.gate;
}

export function isActive(state: DeliveryState): state is ActiveState {
  return state.phase === 'running' || state.phase === 'held' || state.phase === 'paused';
}
