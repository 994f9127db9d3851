import { ConfigurationError } from './configuration.js';

/** Something that runs until it is told to stop. */
export interface Running {
  close(): Promise<void>;
}

/** Tells whoever started the process that it is ready, and where: one line of JSON on stdout that begins with `{"ready":true`. */
export function announceReady(facts: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ ready: true, ...facts })}\n`);
}

/**
 * Runs an app's `start` until SIGINT or SIGTERM, then closes it in order. A wrong configuration ends the process with code 78
 * (EX_CONFIG) and the list of what is wrong; anything else that fails at the start with code 1 and the stack.
 * A close that takes longer than `graceMs` is cut off.
 */
export async function runUntilSignal(start: () => Promise<Running>, graceMs = 10_000): Promise<void> {
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    process.stderr.write(
      `${error instanceof ConfigurationError ? error.message : ((error as Error).stack ?? String(error))}\n`,
    );
    process.exit(error instanceof ConfigurationError ? 78 : 1);
  }
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  const cutOff = setTimeout(() => {
    process.stderr.write(`still closing ${graceMs} ms after ${signal}: giving up\n`);
    process.exit(1);
  }, graceMs);
  await running.close();
  clearTimeout(cutOff);
  process.exit(0);
}
