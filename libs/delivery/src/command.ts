import type {
  AllocationCommanded,
  CommandKind,
  CommandReason,
  ExperimentAnalysed,
  MetricAnalysis,
  WeightsPpm,
} from '#libs/contracts';
import type { Draft, StartedState } from './state.js';

/** Who acts when nobody did. */
export const CONTROLLER = 'decision';

export interface Order {
  readonly command: CommandKind;
  readonly stage: number;
  readonly weightsPpm: WeightsPpm;
  readonly reason: CommandReason;
  readonly message: string;
  readonly terminal: boolean;
  readonly evidence: AllocationCommanded['evidence'];
  readonly actor: string;
}

/** The command of an order: under the next epoch, so that no router mistakes it for an older one. */
export function commandOf(
  state: Draft | StartedState,
  { atMs, commandId }: { readonly atMs: number; readonly commandId: string },
  order: Order,
): AllocationCommanded {
  return {
    commandId,
    experiment: state.experiment,
    service: state.spec.service,
    revision: state.revision,
    epoch: state.epoch + 1,
    ...order,
    commandedAt: new Date(atMs).toISOString(),
  };
}

/** What a command rests on. */
export function evidenceOf(
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
  };
}
