import type { LoggerService } from '@nestjs/common';
import { systemClock, type Clock } from '../clock.js';
import type { Environment } from '../configuration/read-config.js';
import type { App, RunningApp } from './app.js';
import { Resources } from './resources.js';

export interface StartAppOptions<Settings, Given> {
  /** Resources that stay the caller's, by the name of the need; others are opened, and closed with the app. */
  readonly resources?: Partial<Given>;
  /** Default: none, so that only defaults are in force. */
  readonly environment?: Environment;
  /** Settings other than those of the environment. */
  readonly settings?: Partial<Settings>;
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  readonly clock?: Clock;
  /** Default: none. */
  readonly logger?: LoggerService | false;
}

/** Starts an app inside another process, a test or a bench for example: the same definition that its own process runs. */
export async function startApp<Settings, Given, Exposed>(
  app: App<Settings, Given, Exposed>,
  options: StartAppOptions<Settings, Given> = {},
): Promise<RunningApp<Exposed>> {
  const { environment = {}, logger = false, clock = systemClock } = options;
  const plan = app.plan(environment);
  const resources = new Resources(environment, app.name, logger || { log() {}, warn() {}, error() {} });
  try {
    const running = await app.start(
      {
        ...plan,
        http: { ...plan.http, host: options.host ?? plan.http.host, port: options.port ?? 0 },
        settings: { ...plan.settings, ...options.settings },
      },
      { resources, given: options.resources, clock, logger },
    );
    return {
      ...running,
      async close(times) {
        await running.close(times);
        await resources.close();
      },
    };
  } catch (error) {
    await resources.close();
    throw error;
  }
}
