import { CommandFailure, exitCodes } from './exit-codes.js';
import { teststripProgram } from './program.js';
import { tell } from './terminal/print.js';

/**
 * Runs what somebody has typed, and says on standard error what went wrong.
 * @param words what was typed behind the program's name
 * @returns the exit code
 */
export async function runCommand(words: readonly string[], signal: AbortSignal): Promise<number> {
  try {
    await teststripProgram(signal).parseAsync(words, { from: 'user' });
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    tell((error as Error).message);
    return error instanceof CommandFailure ? error.exitCode : exitCodes.otherwise;
  }
}
