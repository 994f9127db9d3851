import type { z } from 'zod';
import { systemClock } from '../clock.js';
import { helpText } from '../configuration/help.js';
import { misspeltVariables } from '../configuration/misspelt.js';
import { ConfigurationError, readAllOrThrow, readConfig } from '../configuration/read-config.js';
import { withoutSecrets } from '../configuration/secrets.js';
import { processVariables } from '../configuration/variables.js';
import { announceReady } from './announce.js';
import { startAll, type PlannedApp, type Runnable, type RunningApps } from './compose-apps.js';
import { createLogger } from './logger.js';
import { isStartedByNpm, onParentEnd } from './parent.js';
import { Resources } from './resources.js';
import { StoppedWaitingError } from './until-there.js';

type ProcessSettings = z.output<z.ZodObject<typeof processVariables>>;

/** EX_USAGE and EX_CONFIG of sysexits.h. */
const EXIT_USAGE = 64;
const EXIT_CONFIGURATION = 78;

/**
 * The whole life of a process: `--help`, configuration, start, the line that says that it is ready, and an orderly end at SIGINT or SIGTERM.
 * It ends with code 78 for a wrong configuration, all of it named, and with 1 for a start that failed or a close that took too long;
 * whatever was opened is closed before. A second signal ends it at once.
 */
export async function run(runnable: Runnable): Promise<void> {
  answerArguments(runnable);
  const { settings, plans } = planOrExit(runnable);
  const logger = createLogger(settings, runnable.name);
  for (const warning of misspeltVariables(runnable.groups, process.env)) logger.warn(warning);
  process.on('uncaughtException', (error) => {
    logger.error(error.stack ?? error.message);
    process.exit(1);
  });
  const resources = new Resources(process.env, runnable.name, logger);
  const stopped = firstSignal(runnable.name, settings.SHUTDOWN_GRACE_MS);
  void stopped.signal.then(() => resources.stopWaiting());
  if (settings.END_WITH_PARENT || isStartedByNpm()) onParentEnd(() => process.kill(process.pid, 'SIGTERM'));
  let apps: RunningApps;
  try {
    apps = await startAll(runnable, plans, { resources, clock: systemClock, logger });
  } catch (error) {
    await resources.close().catch((closing: Error) => logger.warn(`closing failed as well: ${closing.message}`));
    if (error instanceof StoppedWaitingError) process.exit(0);
    return exitFailed(`${runnable.name} could not start`, error, settings);
  }
  if (!stopped.isSignalled()) announceReady(runnable.name, apps.apps, settings);
  await stopped.signal;
  await closeOrExit(runnable.name, settings, async () => {
    await apps.close({ noticeMs: settings.SHUTDOWN_NOTICE_MS, drainMs: settings.SHUTDOWN_DRAIN_MS });
    await resources.close();
  });
}

function answerArguments(runnable: Runnable): void {
  const given = process.argv.slice(2);
  if (given.length === 0) return;
  if (given.every((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(helpText(runnable));
    process.exit(0);
  }
  process.stderr.write(`${runnable.name}: unknown argument "${given[0]}"; --help lists the environment variables\n`);
  process.exit(EXIT_USAGE);
}

function planOrExit(runnable: Runnable): { readonly settings: ProcessSettings; readonly plans: readonly PlannedApp[] } {
  try {
    // Every wrong variable is named, whoever reads it.
    const [settings, plans] = readAllOrThrow<unknown>([
      () => readConfig(processVariables),
      () => runnable.plan(process.env),
    ]) as [ProcessSettings, readonly PlannedApp[]];
    return { settings, plans };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${withoutSecrets(error.message)}\n--help lists every variable.\n`);
    process.exit(EXIT_CONFIGURATION);
  }
}

/** The first signal asks for an orderly end within `graceMs`, during the start as well; the second one ends the process at once. */
function firstSignal(
  name: string,
  graceMs: number,
): { readonly signal: Promise<NodeJS.Signals>; isSignalled(): boolean } {
  let isSignalled = false;
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    const onSignal = (received: NodeJS.Signals, number: number): void => {
      if (isSignalled) process.exit(128 + number);
      isSignalled = true;
      setTimeout(() => {
        process.stderr.write(`${name}: still closing ${graceMs} ms after ${received}, ended at once\n`);
        process.exit(1);
      }, graceMs).unref();
      resolve(received);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
  return { signal, isSignalled: () => isSignalled };
}

async function closeOrExit(name: string, settings: ProcessSettings, close: () => Promise<void>): Promise<void> {
  try {
    await close();
  } catch (error) {
    return exitFailed(`${name} could not end in order`, error, settings);
  }
  process.exit(0);
}

/** One message; the stack only where somebody looks for a fault in the program. */
function exitFailed(what: string, error: unknown, { LOG_LEVEL }: ProcessSettings): never {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  const text = LOG_LEVEL === 'debug' && stack !== undefined ? stack : message;
  process.stderr.write(`${withoutSecrets(`${what}: ${text}`)}\n`);
  process.exit(error instanceof ConfigurationError ? EXIT_CONFIGURATION : 1);
}
