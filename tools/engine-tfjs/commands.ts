import { spawn } from 'node:child_process';

/** The engine can't be built; the message says what is missing or which step failed, for the person who asked for it. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/** Runs a command whose output, its progress included, the person sees. @throws BuildError that has its first arguments unless it ends with 0 */
export async function runStep(command: string, args: readonly string[]): Promise<void> {
  const code = await exitCode(command, args, 'inherit');
  if (code !== 0)
    throw new BuildError(`failed with ${code}: ${command} ${args.slice(0, 4).join(' ').split('\n', 1)[0]} …`);
}

/** The first of the commands that is installed. @throws BuildError when none is */
export async function findProgram(commands: readonly string[], what: string): Promise<string> {
  for (const command of commands) {
    if ((await exitCode(command, ['--version'], 'ignore')) === 0) return command;
  }
  throw new BuildError(`not found: ${commands.join(', ')}; needed is ${what}`);
}

/** A program that is not installed ends with 127, as in a shell. */
function exitCode(command: string, args: readonly string[], stdio: 'inherit' | 'ignore'): Promise<number | string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio });
    child.on('error', () => resolve(127));
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'no code'));
  });
}
