import type { z } from 'zod';
import { withoutRepeats, type VariableGroup } from '../configuration/help.js';
import { readAllOrThrow, readConfig } from '../configuration/read-config.js';
import { commonVariables, processVariables, variables } from '../configuration/variables.js';
import type { App, AppOptions, AppPlan, Needs, ResourcesOf } from './app.js';
import { startPlannedApp } from './start-planned-app.js';

type ServerSettings = { readonly HOST: string; readonly ALLOWED_HOSTS: readonly string[] };

/** An app from what it is made of: the same value runs in a process of its own and in one with others. */
export function defineApp<Shape extends z.ZodRawShape, N extends Needs, Settings, Exposed = undefined>(
  options: AppOptions<Shape, N, Settings, Exposed>,
): App<Settings, ResourcesOf<N>, Exposed> {
  const needs = Object.values(options.needs);
  // What several apps read is listed with the need that it belongs to.
  const ownVariables = Object.entries(options.variables).filter(([name]) => !(name in commonVariables));
  const own: VariableGroup = { title: `The ${options.name}`, variables: Object.fromEntries(ownVariables) };
  const shape = { ...options.variables, HOST: processVariables.HOST, ALLOWED_HOSTS: processVariables.ALLOWED_HOSTS };
  return {
    name: options.name,
    summary: options.summary,
    groups: withoutRepeats([
      own,
      ...needs.map((need) => ({ title: need.title, variables: need.variables })),
      { title: 'Every app', variables: processVariables },
    ]),
    api: options.api,
    plan(environment) {
      const [plan] = readAllOrThrow<AppPlan<Settings> | undefined>([
        () => {
          const config = readConfig(shape, environment) as z.output<z.ZodObject<Shape>> & ServerSettings;
          const port = variables.port.parse((config as Record<string, unknown>)[options.port]);
          const http = { host: config.HOST, port, allowedHosts: config.ALLOWED_HOSTS };
          return { http, settings: options.settings(config), environment };
        },
        ...needs.map((need) => (): undefined => void need.check(environment)),
      ]);
      return plan as AppPlan<Settings>;
    },
    start: (plan, context) => startPlannedApp(options, plan, context),
  };
}
