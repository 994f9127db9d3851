import type { BusName } from '../bench/chaos/processes.js';
import { faultInWords, type PlannedStep } from './faults.js';

/** What a run came to. */
export interface ChaosReport {
  readonly bus: BusName;
  readonly seed: number;
  readonly perSecond: number;
  readonly startedAt: string;
  readonly lastedS: number;
  readonly node: string;
  readonly steps: readonly PlannedStep[];
  readonly figures: Readonly<Record<string, number>>;
  readonly differences: readonly string[];
  /** What this run can't do. */
  readonly leftOut: readonly string[];
}

export function reportInMarkdown(report: ChaosReport): string {
  const { bus, seed, steps, perSecond, startedAt, lastedS, node, figures, differences, leftOut } = report;
  const kinds = new Map<string, number>();
  for (const { fault } of steps) for (const what of whatIn(fault)) kinds.set(what, (kinds.get(what) ?? 0) + 1);
  return [
    `# ${steps.length} faults over ${bus}, seed ${seed}`,
    '',
    `${startedAt}, Node ${node}, ${perSecond} requests/s for ${(lastedS / 60).toFixed(1)} minutes.`,
    '',
    differences.length === 0
      ? '**No difference**: every generation is counted once in tables and evidence, the evidence equals an undisturbed replay of the same log bit for bit, commands are those that were decided, in their order, and no request failed but those in flight in a killed router.'
      : `**${differences.length} differences:**`,
    ...(differences.length === 0 ? [] : ['', ...differences.map((difference) => `- ${difference}`)]),
    '',
    '| fault | times |',
    '| --- | ---: |',
    ...[...kinds].sort(([left], [right]) => left.localeCompare(right)).map(([what, times]) => `| ${what} | ${times} |`),
    '',
    '| figure | |',
    '| --- | ---: |',
    ...Object.entries(figures).map(([what, figure]) => `| ${what} | ${figure} |`),
    '',
    ...leftOut.map((what) => `Not part of this run: ${what}.`),
    '',
  ].join('\n');
}

function whatIn(fault: PlannedStep['fault']): readonly string[] {
  if (fault.kind === 'slow') return [`slow way to the ${fault.wayTo}`];
  if (fault.kind === 'clock') return [`clock of ${fault.victim} jumps`];
  if (fault.kind === 'full disk') return ['full disk'];
  return fault.victims.map((victim) => `${victim} ${fault.kind === 'kill' ? 'killed' : 'stopped'}`);
}

export function stepInWords({ fault, order }: PlannedStep): string {
  return order ? `${faultInWords(fault)}; then the order to ${order}` : faultInWords(fault);
}
