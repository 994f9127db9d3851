import type { ExperimentSpec } from '#libs/contracts';
import type { RecordedCommand } from '#libs/persistence/reports';

/** Whether a revision is in its shadow, by its commands so far: what ends one is an advance, a rollback or the end. */
export function isShadowSoFar({ shadow }: ExperimentSpec, commands: readonly RecordedCommand[]): boolean {
  return shadow !== undefined && commands.length > 0 && commands.every(({ command }) => STAYS.has(command));
}

const STAYS: ReadonlySet<string> = new Set(['start', 'pause', 'resume']);
