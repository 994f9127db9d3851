import { isSameLayout, layoutAfter, layoutOf } from '#libs/assignment';
import type {
  AllocationCommanded,
  CommandKind,
  CommandReason,
  ExperimentAnalysed,
  MetricAnalysis,
  WeightsPpm,
} from '#libs/contracts';
import { withoutArm } from './allocation.js';
import type { DraftState, StartedState } from './state.js';

/** The actor of commands that no person gave. */
export const CONTROLLER = 'decision';

/** When a command is given, and the id it gets. */
export interface CommandIdentity {
  readonly atMs: number;
  readonly commandId: string;
}

export interface CommandOrder {
  readonly command: CommandKind;
  readonly stage: number;
  readonly weightsPpm: WeightsPpm;
  readonly shadow?: AllocationCommanded['shadow'];
  readonly reason: CommandReason;
  readonly message: string;
  readonly terminal: boolean;
  readonly evidence: AllocationCommanded['evidence'];
  readonly actor: string;
}

/** An order as the command that is published, under the next epoch: routers refuse smaller ones. */
export function commandOf(
  state: DraftState | StartedState,
  { atMs, commandId }: CommandIdentity,
  order: CommandOrder,
): AllocationCommanded {
  const segments = segmentsOf(state, order.weightsPpm);
  return {
    commandId,
    experiment: state.experiment,
    service: state.spec.service,
    revision: state.revision,
    epoch: state.epoch + 1,
    ...order,
    ...(segments === undefined ? {} : { segments }),
    commandedAt: new Date(atMs).toISOString(),
  };
}

/** Who is with a candidate stays there while its share does not fall. @returns undefined where the weights alone see to it. */
function segmentsOf(state: DraftState | StartedState, weightsPpm: WeightsPpm): AllocationCommanded['segments'] {
  if (state.phase === 'draft' || state.lastCommand.revision !== state.revision) return undefined;
  const { control, variants } = state.spec;
  const names = Object.keys(variants);
  const { segments, weightsPpm: weightsBefore } = state.lastCommand;
  const before = segments === undefined ? layoutOf(control, names, weightsBefore) : { control, segments };
  const after = layoutAfter(before, names, weightsPpm);
  return isSameLayout(after, layoutOf(control, names, weightsPpm)) ? undefined : [...after.segments];
}

/** What an order says of the traffic where it leaves everything as it is, copies to a candidate in the shadow included. */
export function asItIs({
  stage,
  weightsPpm,
  lastCommand: { shadow },
}: StartedState): Pick<CommandOrder, 'stage' | 'weightsPpm' | 'shadow'> {
  return { stage, weightsPpm, ...(shadow === undefined ? {} : { shadow }) };
}

/**
 * The order that takes a candidate out of the test: its share goes to control, so that nobody of another arm moves.
 * @param others the candidates that stay
 */
export function droppingArm(
  state: StartedState,
  variant: string,
  others: readonly string[],
): Pick<CommandOrder, 'command' | 'stage' | 'weightsPpm' | 'shadow' | 'terminal'> {
  const { shadow, ...present } = asItIs(state);
  return {
    ...present,
    command: 'drop-arm',
    weightsPpm: withoutArm(state.weightsPpm, state.spec, variant),
    ...(shadow === undefined ? {} : { shadow: { ...shadow, candidates: [...others] } }),
    terminal: false,
  };
}

/** A command that the controller gives by itself. */
export function controllerCommand(
  state: StartedState,
  input: CommandIdentity,
  order: Omit<CommandOrder, 'actor'>,
): AllocationCommanded {
  return commandOf(state, input, { ...order, actor: CONTROLLER });
}

/** A command that an operator gives; it rests on no analysis. */
export function operatorCommand(
  state: StartedState,
  input: CommandIdentity & { readonly actor: string },
  order: Omit<CommandOrder, 'actor' | 'evidence' | 'reason' | 'stage'> & { readonly stage?: number },
): AllocationCommanded {
  return commandOf(state, input, {
    stage: state.stage,
    ...order,
    reason: 'operator',
    evidence: null,
    actor: input.actor,
  });
}

/** The analysis that a command rests on, and the metric that decided it, if one did. */
export function commandEvidence(
  analysis: ExperimentAnalysed,
  metric: MetricAnalysis | null,
  lnE: number | null,
): AllocationCommanded['evidence'] {
  return {
    analysisId: analysis.analysisId,
    metric: metric?.metric ?? null,
    candidate: metric?.candidate ?? null,
    lnE,
    units: metric?.n.candidate.units ?? Object.values(analysis.units).reduce((sum, units) => sum + units, 0),
    analysedAt: analysis.analysedAt,
    newestEventAt: analysis.newestEventAt,
    ...(metric === null ? {} : { metricAnalysis: metric }),
  };
}
