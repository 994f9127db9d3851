import { z } from 'zod';
import type { AllocationCommanded } from '../events/allocation.commanded.v1.js';

/**
 * Where an experiment is in its life. `held`: it can't be judged at present, the ramp stands still; `paused`: an operator stopped the ramp;
 * `quarantined`: its log can't be read, so nothing is decided about it until an operator rolls it back to its control.
 */
export const experimentPhase = z.enum([
  'draft',
  'running',
  'held',
  'paused',
  'promoted',
  'rolled-back',
  'concluded',
  'quarantined',
]);
export type ExperimentPhase = z.infer<typeof experimentPhase>;

/** The command that says where an experiment is: one that drops an arm leaves it where it was. */
export function lastOfPhase<Command extends Pick<AllocationCommanded, 'command'>>(
  commands: readonly Command[],
): Command | undefined {
  return commands.findLast(({ command }) => command !== 'drop-arm');
}

/** Where the last command left an experiment: a pause for the numbers' health is a hold, every other one is an operator's. */
export function phaseAfter(last: Pick<AllocationCommanded, 'command' | 'reason'> | undefined): ExperimentPhase {
  if (last === undefined) return 'draft';
  switch (last.command) {
    case 'start':
    case 'advance':
    case 'resume':
    case 'drop-arm':
      return 'running';
    case 'pause':
      return last.reason === 'health-hold' ? 'held' : 'paused';
    case 'promote':
      return 'promoted';
    case 'rollback':
      return 'rolled-back';
    case 'conclude':
      return 'concluded';
    default:
      return last.command satisfies never;
  }
}
