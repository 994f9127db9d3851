import type { AllocationCommanded, ExperimentDefined } from '#libs/contracts';

/** What a router knows of one experiment. Immutable; `define` and `command` give the next value. */
export interface ExperimentState {
  readonly experiment: string;
  /** The newest definition, and the one that the command in force belongs to (often the same). */
  readonly definitions: readonly ExperimentDefined[];
  /** The newest command that was accepted; null before the first. */
  readonly command: AllocationCommanded | null;
}

/**
 * `applied`: in force now. `waiting`: accepted, in force as soon as its definition is here (control is served until then).
 * `repeated`: the same command once more. `overtaken`: another order about the service has a larger epoch already; it is kept, and nothing is
 * routed by it. `refused`: never in force, with a reason from a closed vocabulary.
 */
export type CommandOutcome =
  | { readonly outcome: 'applied' | 'waiting' | 'repeated' | 'overtaken' }
  | { readonly outcome: 'refused'; readonly reason: RefusalReason };

/**
 * `stale-epoch`: not newer than the command in force. `stale-revision`: for a revision before the one in force. `latched`: the revision was rolled back.
 * `ended`: its last command was given; only a rollback may follow. `unknown-variant`: weights for a variant that the definition lacks.
 * `implausible-epoch`: further above what is known of the service than any controller goes.
 */
export type RefusalReason =
  | 'stale-epoch'
  | 'stale-revision'
  | 'latched'
  | 'ended'
  | 'unknown-variant'
  | 'implausible-epoch';

export function unknownExperiment(experiment: string): ExperimentState {
  return { experiment, definitions: [], command: null };
}

/** Takes a definition in. Older ones are kept only while a command in force belongs to them; of one revision the newest policy counts. */
export function defineRevision(state: ExperimentState, defined: ExperimentDefined): ExperimentState {
  const before = definitionOf(state, defined.revision);
  if (before && (before.policy ?? 0) > (defined.policy ?? 0)) return state;
  const known = [...state.definitions.filter(({ revision }) => revision !== defined.revision), defined];
  const newestRevision = Math.max(...known.map(({ revision }) => revision));
  const inForce = state.command?.revision;
  const definitions = known.filter(({ revision }) => revision === newestRevision || revision === inForce);
  return { ...state, definitions };
}

/** Takes a command in, or refuses it: see `RefusalReason`. A rollback latches its revision: nothing but a newer revision leaves it. */
export function command(
  state: ExperimentState,
  given: AllocationCommanded,
): { readonly state: ExperimentState; readonly answer: CommandOutcome } {
  if (state.command?.commandId === given.commandId) return { state, answer: { outcome: 'repeated' } };
  const reason = refusalOf(state, given);
  if (reason) return { state, answer: { outcome: 'refused', reason } };
  const definitions = state.definitions.filter(({ revision }) => revision >= given.revision);
  const next = { ...state, definitions: definitions.length > 0 ? definitions : state.definitions, command: given };
  return { state: next, answer: { outcome: definitionOf(next, given.revision) ? 'applied' : 'waiting' } };
}

/** The definition of a revision, where it is known. */
export function definitionOf(state: ExperimentState, revision: number): ExperimentDefined | undefined {
  return state.definitions.find((definition) => definition.revision === revision);
}

/** The definition that was given last, by revision. */
export function newestDefinition(state: ExperimentState): ExperimentDefined | undefined {
  return state.definitions.toSorted((left, right) => right.revision - left.revision)[0];
}

/** What is ordered again because a router has not followed is refused by none that has. */
export function isSameOrder(given: AllocationCommanded, inForce: AllocationCommanded): boolean {
  const names = new Set([...Object.keys(given.weightsPpm), ...Object.keys(inForce.weightsPpm)]);
  const isAlike = [...names].every((name) => given.weightsPpm[name] === inForce.weightsPpm[name]);
  return given.command === inForce.command && given.terminal === inForce.terminal && isAlike;
}

function refusalOf(state: ExperimentState, given: AllocationCommanded): RefusalReason | undefined {
  const inForce = state.command;
  if (inForce) {
    if (given.epoch <= inForce.epoch) return 'stale-epoch';
    if (given.revision < inForce.revision) return 'stale-revision';
    if (given.revision === inForce.revision && given.command !== 'rollback' && !isSameOrder(given, inForce)) {
      if (inForce.command === 'rollback') return 'latched';
      if (inForce.terminal) return 'ended';
    }
  }
  const variants = definitionOf(state, given.revision)?.spec.variants;
  const isUnknown = (name: string): boolean => variants !== undefined && !Object.hasOwn(variants, name);
  return Object.keys(given.weightsPpm).some(isUnknown) ? 'unknown-variant' : undefined;
}
