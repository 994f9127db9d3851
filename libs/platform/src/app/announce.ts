import { withoutSecrets } from '../configuration/secrets.js';
import { isForPeople, type LoggerSettings } from './logger.js';
import type { RunningApp } from './app.js';

/**
 * Says that a process is ready and where: to machines in one line of JSON on stdout that begins with `{"ready":true`, to people in words,
 * with what they can do next. In the text format the line of JSON is left out, unless a program has started the process and waits for it.
 */
export function announceReady(
  name: string,
  apps: readonly RunningApp[],
  settings: LoggerSettings & { readonly END_WITH_PARENT: boolean },
): void {
  if (isForPeople(settings) && settings.LOG_LEVEL !== 'warn' && settings.LOG_LEVEL !== 'error')
    process.stdout.write(withoutSecrets(welcome(name, apps)));
  if (!isForPeople(settings) || settings.END_WITH_PARENT) process.stdout.write(`${withoutSecrets(readyLine(apps))}\n`);
}

function readyLine(apps: readonly RunningApp[]): string {
  const addresses = apps.flatMap((app) => Object.entries(app.addresses).map(([name, { url }]) => [name, url]));
  const facts = Object.assign({}, ...apps.map((app) => app.facts)) as Readonly<Record<string, unknown>>;
  return JSON.stringify({ ready: true, ...Object.fromEntries(addresses), ...facts });
}

/** Addresses and what to do next, in two columns. */
export function welcome(name: string, apps: readonly RunningApp[]): string {
  const addresses = apps.flatMap((app) => Object.values(app.addresses));
  const steps = apps.flatMap((app) => app.nextSteps);
  const width = Math.max(...addresses.map(({ url }) => url.length));
  return [
    `\n${name} is ready.\n`,
    ...addresses.map(({ what, url }) => `  ${url.padEnd(width)}  ${what}`),
    ...(steps.length === 0 ? [] : ['\nWhat to do next']),
    ...steps.map(({ what, how }) => `  ${what}\n    ${how}`),
    '\nCtrl-C ends it.\n\n',
  ].join('\n');
}
