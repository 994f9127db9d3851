import type { AllocationCommanded, ControllerHeartbeat, ExperimentDefined } from '#libs/contracts';
import type { ControllerWatch } from './controller-watch.js';
import {
  command as commandState,
  defineRevision as defineState,
  unknownExperiment,
  type CommandOutcome,
  type ExperimentState,
} from './experiment-state.js';
import { buildRoutingTable, type ExperimentRoute, type RoutingTable, type ServiceRoute } from './routing-table.js';
import type { Upstream } from './upstream.js';

export interface AllocationsOptions {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly watch: ControllerWatch;
  /** Hears of every command and what became of it, after the table was swapped. */
  readonly onCommand: (command: AllocationCommanded, answer: CommandOutcome) => void;
  /** Hears of every change of the state. */
  readonly onChange: (experiments: readonly ExperimentState[]) => void;
}

/** The router's present knowledge: one immutable table, swapped as a whole. */
export class Allocations {
  private experiments: ReadonlyMap<string, ExperimentState> = new Map();
  private table: RoutingTable;

  constructor(private readonly options: AllocationsOptions) {
    this.table = buildRoutingTable([], options.upstreams);
  }

  routeOf(service: string): ServiceRoute | undefined {
    return this.table.get(service);
  }

  get routes(): RoutingTable {
    return this.table;
  }

  /** True while the controller is silent for longer than the experiment allows and control has to be served. */
  isFailSafe(route: ExperimentRoute): boolean {
    return (
      route.failSafeAfterMs !== null && this.options.watch.silentMs(route.rules.experiment) > route.failSafeAfterMs
    );
  }

  define(defined: ExperimentDefined): void {
    const before = this.stateOf(defined.experiment);
    const after = defineState(before, defined);
    this.swap(after);
    const waited = after.command;
    if (!waited || waited.revision !== defined.revision || isDefined(before, waited.revision)) return;
    this.options.onCommand(waited, { outcome: 'applied' });
  }

  command(given: AllocationCommanded): void {
    const { state, answer } = commandState(this.stateOf(given.experiment), given);
    if (answer.outcome === 'applied' || answer.outcome === 'waiting') {
      this.options.watch.heardOf(given.experiment);
      this.swap(state);
    }
    this.options.onCommand(given, answer);
  }

  heartbeat({ running }: ControllerHeartbeat): void {
    for (const experiment of running) this.options.watch.heardOf(experiment);
  }

  /** Replaces everything by the state of the last run. */
  restore(experiments: readonly ExperimentState[]): void {
    this.experiments = new Map(experiments.map((state) => [state.experiment, state]));
    this.rebuild();
  }

  private stateOf(experiment: string): ExperimentState {
    return this.experiments.get(experiment) ?? unknownExperiment(experiment);
  }

  private swap(state: ExperimentState): void {
    this.experiments = new Map(this.experiments).set(state.experiment, state);
    this.rebuild();
    this.options.onChange([...this.experiments.values()]);
  }

  private rebuild(): void {
    this.table = buildRoutingTable(this.experiments.values(), this.options.upstreams);
  }
}

function isDefined(state: ExperimentState, revision: number): boolean {
  return state.definitions.some((definition) => definition.revision === revision);
}
