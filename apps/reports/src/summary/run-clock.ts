import { lastOfPhase, phaseAfter } from '#libs/contracts';
import type { RunClock } from '#libs/delivery';
import type { RecordedCommand } from '#libs/persistence/reports';

/**
 * How long a revision has run and may still run, from its commands, oldest first: an operator's pause stops the clock, whatever command
 * ends it. Null before the start and after the end.
 */
export function runClock(commands: readonly RecordedCommand[], deadlineMs: number, nowMs: number): RunClock | null {
  const [start] = commands;
  if (start === undefined || commands.some(({ terminal }) => terminal)) return null;
  const elapsedMs = commands.reduce((sum, command, index) => {
    const untilMs = commands[index + 1]?.commandedAt.getTime() ?? nowMs;
    return phaseAfter(lastOfPhase(commands.slice(0, index + 1))) === 'paused'
      ? sum
      : sum + Math.max(0, untilMs - command.commandedAt.getTime());
  }, 0);
  return { elapsedMs, leftMs: Math.max(0, deadlineMs - elapsedMs) };
}
