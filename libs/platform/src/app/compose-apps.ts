import type { z } from 'zod';
import { withoutRepeats, type VariableGroup } from '../configuration/help.js';
import { readAllOrThrow, readConfig, type Environment } from '../configuration/read-config.js';
import type { App, AppPlan, RunningApp, ShutdownTimes, StartContext } from './app.js';

/** Apps that can be run by a process, however many they are. */
export interface Runnable {
  readonly name: string;
  readonly summary: string;
  readonly groups: readonly VariableGroup[];
  /** @throws ConfigurationError with everything that is wrong with any of them. */
  plan(environment: Environment): readonly PlannedApp[];
  /** Those of one stage start together, and before those of the next. */
  readonly stages: readonly (readonly string[])[];
}

export interface PlannedApp {
  readonly name: string;
  readonly plan: AppPlan<unknown>;
  start(context: StartContext<object>): Promise<RunningApp>;
}

/** One app as a process of its own. */
export function alone(app: App): Runnable {
  return { ...app, plan: (environment) => [planned(app, environment)], stages: [[app.name]] };
}

export interface CompositionOptions<Shape extends z.ZodRawShape> {
  readonly name: string;
  readonly summary: string;
  readonly variables: Shape;
  /** In the order of their start: those of one stage start together. */
  readonly stages: readonly (readonly App[])[];
  /** Names of apps that are left out, to run as processes of their own. */
  without(config: z.output<z.ZodObject<Shape>>): readonly string[];
}

/** Several apps in one process on shared resources: the same definitions, variables and defaults as in processes of their own. */
export function composeApps<Shape extends z.ZodRawShape>(options: CompositionOptions<Shape>): Runnable {
  const apps = options.stages.flat();
  return {
    name: options.name,
    summary: options.summary,
    groups: withoutRepeats([
      { title: `The ${options.name}`, variables: options.variables },
      ...apps.map(({ groups }) => groups[0]!),
      ...apps.flatMap(({ groups }) => groups.slice(1)),
    ]),
    plan(environment) {
      const [config, ...plans] = readAllOrThrow<unknown>([
        () => readConfig(options.variables, environment),
        ...apps.map((app) => () => planned(app, environment)),
      ]) as [z.output<z.ZodObject<Shape>>, ...PlannedApp[]];
      const without = options.without(config);
      return plans.filter(({ name }) => !without.includes(name));
    },
    stages: options.stages.map((stage) => stage.map(({ name }) => name)),
  };
}

function planned(app: App, environment: Environment): PlannedApp {
  const plan = app.plan(environment);
  return { name: app.name, plan, start: (context) => app.start(plan, context) };
}

/**
 * Starts what was planned, stage by stage. When one fails, those that have started are closed again, the newest first.
 * @throws the first failure
 */
export async function startAll(
  runnable: Runnable,
  plans: readonly PlannedApp[],
  context: StartContext<object>,
): Promise<RunningApps> {
  const running: RunningApp[] = [];
  for (const stage of runnable.stages) {
    const starting = plans.filter(({ name }) => stage.includes(name)).map((app) => app.start(context));
    // All have to settle: what starts after another one has failed must be closed as well.
    const settled = await Promise.allSettled(starting);
    for (const result of settled) if (result.status === 'fulfilled') running.push(result.value);
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) {
      await closeAll(running);
      throw failed.reason;
    }
  }
  return { apps: running, close: (times) => closeAll(running, times) };
}

export interface RunningApps {
  readonly apps: readonly RunningApp[];
  close(times?: ShutdownTimes): Promise<void>;
}

/** The last that started first: who takes requests stops before those who judge them. */
async function closeAll(running: readonly RunningApp[], times?: ShutdownTimes): Promise<void> {
  for (const app of running.toReversed()) await app.close(times);
}
