import type { PlayedScenario } from './story-result.js';
import type { Scenario } from './scenario.js';

const COLUMNS = [
  { head: 'scenario', width: 16 },
  { head: 'seed', width: 5 },
  { head: 'outcome', width: 13 },
  { head: 'metric or reason', width: 28 },
  { head: 'requests', width: 9 },
  { head: 'exposed', width: 8 },
  { head: 'simulated', width: 16 },
  { head: 'applied p50/max ms', width: 19 },
  { head: 's', width: 6 },
  { head: '', width: 30 },
] as const;

/** Heads of the table of played scenarios. `simulated`: requests/exposed of the simulated rule for a comparable effect. */
export function resultsHead(): string {
  const rule = '─'.repeat(COLUMNS.reduce((sum, { width }) => sum + width + 1, 0));
  return `${line(COLUMNS.map(({ head }) => head))}\n${rule}\n`;
}

export function resultsRow({ reference, expected }: Scenario, played: PlayedScenario): string {
  const { p50, max } = played.detectionToAppliedMs;
  return `${line([
    played.scenario,
    String(played.seed),
    played.outcome,
    `${played.metric ?? played.reason}${played.pairs === null ? '' : `, ${played.pairs} pairs`}`,
    String(played.requests),
    String(played.exposed),
    reference ? `${reference.requests}/${reference.exposed ?? '–'}` : '–',
    p50 === null ? '–' : `${p50}/${max}`,
    played.wallSeconds.toFixed(0),
    played.asExpected ? 'ok' : `EXPECTED ${expected}`,
  ])}\n`;
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(COLUMNS[index]?.width ?? 0))
    .join(' ')
    .trimEnd();
}
