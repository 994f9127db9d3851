import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Running } from '#libs/platform';
import { RouterModule, type RouterModuleOptions } from './router.module.js';
import type { Router } from './router.js';
import { ROUTER } from './tokens.js';

export interface StartRouterOptions extends Omit<RouterModuleOptions, 'logger'> {
  readonly logger?: LoggerService | false;
}

export interface RunningRouter extends Running {
  /** Where requests go, e.g. `http://127.0.0.1:8080/`. */
  readonly url: string;
}

const silent = { log: () => {}, warn: () => {} };

/**
 * Routes requests until `close`, which lets those under way end and publishes what is left. The bus stays the caller's.
 * Resolves when the router listens and has its state, or has found the bus away (see `/health/ready`).
 */
export async function startRouter({ logger, ...options }: StartRouterOptions): Promise<RunningRouter> {
  const app = await NestFactory.createApplicationContext(
    RouterModule.register({ ...options, logger: logger === false ? silent : logger }),
    { logger: logger ?? false, abortOnError: false },
  );
  const router = app.get<Router>(ROUTER);
  return { url: router.url, close: () => app.close() };
}
