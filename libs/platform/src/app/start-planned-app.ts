import { setTimeout as pause } from 'node:timers/promises';
import type { DynamicModule, INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { z } from 'zod';
import { Health } from '../health/health.js';
import { AppShellModule } from '../http/app-shell.module.js';
import { AccessGuard } from '../identity/access.guard.js';
import type { Identities } from '../identity/identities.js';
import { noteServer } from '../identity/operator-token.js';
import { cannotListen } from '../http/plain-server.js';
import { prepareHttp } from '../http/prepare-http.js';
import type { AppOptions, AppPlan, Needs, Parts, RunningApp, StartContext } from './app.js';
import { createRegistry } from './metrics.js';
import type { Need } from './need.js';
import { answeringMeanwhile } from './starting-server.js';

const AT_ONCE = { noticeMs: 0, drainMs: 0 };

/** Starts an app on its resources. Resolves when it does its work and its server listens; what fails on the way is closed again. */
export async function startPlannedApp<Shape extends z.ZodRawShape, N extends Needs, Settings, Exposed>(
  options: AppOptions<Shape, N, Settings, Exposed>,
  plan: AppPlan<Settings>,
  context: StartContext<Partial<unknown>>,
): Promise<RunningApp<Exposed>> {
  const { settings } = plan;
  const health = new Health();
  const metrics = createRegistry();
  const { clock } = context;
  const borrower = { name: options.name, environment: plan.environment, health, metrics, clock };
  const resources = await answeringMeanwhile(plan.http, context.resources, () =>
    openNeeds(options.needs, context, (need, resource) => need.lend(resource, borrower)),
  );
  const parts = { ...resources, clock, metrics } as Parts<N>;
  const module = options.module(settings, parts);
  const nest = await createNest(AppShellModule.around(module, { health, metrics, api: options.api }), context.logger);
  try {
    const needs = Object.values(options.needs);
    const requests = prepareHttp(nest, plan.http, (error) => needs.some((need) => need.isAway(error)));
    const access = options.access?.(nest, parts);
    if (access) nest.useGlobalGuards(new AccessGuard(options.api, access));
    await nest.init();
    const connected = options.connect?.(nest, settings, parts);
    await nest.startAllMicroservices();
    connected?.();
    await options.started?.(nest, settings);
    health.add(...(options.health?.(nest, settings, parts) ?? []));
    await nest.listen(plan.http.port, plan.http.host).catch((error: Error) => {
      throw cannotListen(error, { ...plan.http, variable: String(options.port) });
    });
    await noteForToken(access?.identities, await nest.getUrl(), context.logger);
    return {
      ...(await describe(options, nest, parts)),
      async close({ noticeMs, drainMs } = AT_ONCE) {
        health.stop();
        options.leave?.(nest);
        if (noticeMs > 0) await pause(noticeMs);
        await requests.drain(drainMs);
        await nest.close();
      },
    };
  } catch (error) {
    await nest.close().catch(() => undefined);
    throw error;
  }
}

/** Programs on this machine send the installation's own token to servers that are known to be its own. */
async function noteForToken(
  identities: Identities | undefined,
  url: string,
  logger: LoggerService | false,
): Promise<void> {
  const file = identities?.operatorTokenFile;
  if (file === undefined) return;
  await noteServer(file, url).catch((error: Error) => {
    if (logger) logger.warn(`commands on this machine will not send the operator token to ${url}: ${error.message}`);
  });
}

function createNest(module: DynamicModule, logger: LoggerService | false): Promise<INestApplication> {
  return NestFactory.create(module, { logger, bodyParser: false, forceCloseConnections: true, abortOnError: false });
}

async function openNeeds(
  needs: Needs,
  { resources, given }: StartContext<Partial<unknown>>,
  lend: (need: Need<unknown>, resource: unknown) => unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const opened: Record<string, unknown> = {};
  for (const [name, need] of Object.entries(needs) as [string, Need<unknown>][]) {
    const resource = (given as Record<string, unknown> | undefined)?.[name] ?? (await resources.open(need));
    opened[name] = lend(need, resource);
  }
  return opened;
}

async function describe<Shape extends z.ZodRawShape, N extends Needs, Settings, Exposed>(
  options: AppOptions<Shape, N, Settings, Exposed>,
  nest: INestApplication,
  parts: Parts<N>,
): Promise<Omit<RunningApp<Exposed>, 'close'>> {
  const url = await nest.getUrl();
  const exposed = options.expose?.(nest) as Exposed;
  const addresses = options.addresses?.(url, exposed) ?? { [options.name]: { what: options.summary, url } };
  return {
    url,
    exposed,
    addresses,
    facts: options.facts?.(exposed) ?? {},
    nextSteps: options.nextSteps?.(addresses, parts) ?? [],
  };
}
