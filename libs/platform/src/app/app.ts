import type { DynamicModule, INestApplication, LoggerService } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { z } from 'zod';
import type { Clock } from '../clock.js';
import type { VariableGroup } from '../configuration/help.js';
import type { Environment } from '../configuration/read-config.js';
import type { HealthCheck } from '../health/health.js';
import type { ApiDescription } from '../http/open-api.js';
import type { Access } from '../identity/access.guard.js';
import type { Need } from './need.js';
import type { Resources } from './resources.js';

/** Needs by the name under which the app's parts carry them. */
export type Needs = Readonly<Record<string, Need<unknown>>>;

type ResourceOf<N> = N extends Need<infer Resource> ? Resource : never;

/** The resources of an app by name. */
export type ResourcesOf<N extends Needs> = { readonly [Name in keyof N]: ResourceOf<N[Name]> };

/** What an app is built with besides its settings. */
export type Parts<N extends Needs> = ResourcesOf<N> & {
  readonly clock: Clock;
  /** The app's own registry; `/metrics` shows it. */
  readonly metrics: Registry;
};

/** What a person can do once the app runs. */
export interface NextStep {
  readonly what: string;
  /** A command or an address. */
  readonly how: string;
}

/** Where a running app is, for people. */
export interface Address {
  readonly what: string;
  readonly url: string;
}

/** One service: what it is called, which variables it reads, what it needs and which Nest module does the work. */
export interface AppOptions<Shape extends z.ZodRawShape, N extends Needs, Settings, Exposed> {
  readonly name: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  /** Its own variables, all `documented`; `HOST` and the variables of its needs are added. */
  readonly variables: Shape;
  /** The variable with the port of its HTTP server, one of `variables`. */
  readonly port: keyof Shape & string;
  readonly needs: N;
  /** Its settings from its variables: the only place where both meet. `HOST` is among them for apps with a server of their own. */
  settings(config: z.output<z.ZodObject<Shape>> & { readonly HOST: string }): Settings;
  module(settings: Settings, parts: Parts<N>): DynamicModule;
  /** Connects the event handlers to the bus before they start; what it returns is called when they run. */
  connect?(nest: INestApplication, settings: Settings, parts: Parts<N>): (() => void) | undefined;
  /** Called when everything has started but the HTTP server. */
  started?(nest: INestApplication, settings: Settings): Promise<void> | void;
  /** Called at the beginning of an orderly end, for a server of its own that has to say that it is leaving. */
  leave?(nest: INestApplication): void;
  /** What it looks at before it calls itself healthy, besides its needs. */
  health?(nest: INestApplication, settings: Settings, parts: Parts<N>): readonly HealthCheck[];
  /** What else those who start it may use of it. */
  expose?(nest: INestApplication): Exposed;
  /** Who may use its routes; the description says which role each of them needs. Without it they are open. */
  access?(nest: INestApplication, parts: Parts<N>): Access;
  readonly api: ApiDescription;
  /** Addresses of the running app for people, and by name in the line that says that it is ready. */
  addresses?(url: string, exposed: Exposed): Readonly<Record<string, Address>>;
  /** More for the line that says that it is ready. */
  facts?(exposed: Exposed): Readonly<Record<string, unknown>>;
  nextSteps?(addresses: Readonly<Record<string, Address>>, parts: Parts<N>): readonly NextStep[];
}

/** Where an app will listen and with which settings it will run. */
export interface AppPlan<Settings> {
  readonly http: { readonly host: string; readonly port: number; readonly allowedHosts: readonly string[] };
  readonly settings: Settings;
  readonly environment: Environment;
}

export interface RunningApp<Exposed = unknown> {
  /** Of its HTTP server, e.g. `http://127.0.0.1:8081`. */
  readonly url: string;
  readonly exposed: Exposed;
  readonly addresses: Readonly<Record<string, Address>>;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly nextSteps: readonly NextStep[];
  /** Not ready from now on; answers what is under way and takes its time for it, see {@link ShutdownTimes}. */
  close(times?: ShutdownTimes): Promise<void>;
}

/** Milliseconds; see the variables `SHUTDOWN_NOTICE_MS` and `SHUTDOWN_DRAIN_MS`. */
export interface ShutdownTimes {
  readonly noticeMs: number;
  readonly drainMs: number;
}

/** An app: a value that a process of its own runs, and that a process with several apps composes. */
export interface App<Settings = unknown, Given = unknown, Exposed = unknown> {
  readonly name: string;
  readonly summary: string;
  /** Every variable it reads, by what it is about. */
  readonly groups: readonly VariableGroup[];
  readonly api: ApiDescription;
  /** @throws ConfigurationError with everything that is wrong. */
  plan(environment: Environment): AppPlan<Settings>;
  start(plan: AppPlan<Settings>, context: StartContext<Partial<Given>>): Promise<RunningApp<Exposed>>;
}

/** What an app is started with. */
export interface StartContext<Given> {
  /** Opens what is not given. */
  readonly resources: Resources;
  /** Resources that stay the caller's, by the name of the need. */
  readonly given?: Given;
  readonly clock: Clock;
  readonly logger: LoggerService | false;
}
