import type { HostileCase } from './cases.js';
import type { HostileRun } from './play.js';

/** What a run must not exceed. */
export interface HostileLimits {
  /** Good pictures of hosts that do their part, milliseconds until the last of them has its row. */
  readonly goodWithinMs: number;
  readonly allWithinMs: number;
  readonly grownBytes: number;
}

/** What is wrong with a run; nothing, if all is well. */
export function findingsOf(cases: readonly HostileCase[], run: HostileRun, limits: HostileLimits): readonly string[] {
  const findings = cases.flatMap((one, index) => {
    const rows = run.rows.get(index) ?? [];
    if (rows.length !== 1) return [`${one.kind} (${index}): ${rows.length} rows, expected one`];
    const { outcome, reason } = rows[0]!.data;
    const allowed = one.allowed.join(' or ');
    return one.allowed.includes(outcome) ? [] : [`${one.kind} (${index}): ${outcome}, ${reason}; expected ${allowed}`];
  });
  const goodMs = lastGoodMs(cases, run);
  if (goodMs > limits.goodWithinMs) {
    findings.push(`the last good picture had its row after ${Math.round(goodMs)} ms, expected ${limits.goodWithinMs}`);
  }
  if (run.tookMs > limits.allWithinMs) {
    findings.push(`the last row came after ${Math.round(run.tookMs)} ms, expected ${limits.allWithinMs}`);
  }
  if (run.grownBytes > limits.grownBytes) {
    findings.push(`memory grew by ${run.grownBytes} bytes, expected ${limits.grownBytes} at most`);
  }
  if (run.deadLetters !== run.malformed) {
    findings.push(`${run.deadLetters} dead letters, expected the ${run.malformed} events that are none`);
  }
  return findings;
}

/** When the last good picture had its row, milliseconds. */
export function lastGoodMs(cases: readonly HostileCase[], { cameAtMs }: HostileRun): number {
  return Math.max(...cases.map(({ kind }, index) => (kind === 'good' ? (cameAtMs.get(index) ?? Infinity) : 0)));
}
