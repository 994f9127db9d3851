import type { z } from 'zod';
import type { LoggerService } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock.js';
import { ConfigurationError, readAllOrThrow, readConfig, type Environment } from '../configuration/read-config.js';
import type { Health } from '../health/health.js';

/** A resource as it was opened. */
export interface OpenedResource<Resource> {
  readonly resource: Resource;
  /** Absent where there is nothing to close. */
  close?(): Promise<void>;
}

/** What a resource says of itself while it can't be opened yet; see `untilThere`. */
export interface Waiting {
  because(reason: string): void;
  over(): void;
  /** Aborted when the process is told to end. */
  readonly signal: AbortSignal;
}

/** What an opening resource may know of the others. */
export interface NeedRequest {
  /** Who opens it, for the other side's lists of connections. */
  readonly clientId: string;
  readonly logger: LoggerService;
  readonly waiting: Waiting;
  /** Another need of the same process, where it was opened before. */
  opened<Resource>(need: Need<Resource>): Promise<Resource> | undefined;
}

/** The app that a resource is lent to. */
export interface Borrower {
  readonly name: string;
  readonly environment: Environment;
  readonly health: Health;
  readonly metrics: Registry;
  readonly clock: Clock;
}

/** Something outside that apps need: opened once per process, shared by the apps in it, closed after them. */
export interface Need<Resource> {
  readonly name: string;
  /** Heading of its variables. */
  readonly title: string;
  readonly variables: z.ZodRawShape;
  /** @throws ConfigurationError */
  check(environment: Environment): void;
  open(environment: Environment, request: NeedRequest): Promise<OpenedResource<Resource>>;
  /** The resource as one app gets it: its health checks and metrics are that app's. */
  lend(resource: Resource, borrower: Borrower): Resource;
  /** Whether an error says that the resource can't be reached and may come by itself: requests are answered 503 then. */
  isAway(error: unknown): boolean;
}

export interface NeedOptions<Shape extends z.ZodRawShape, Resource> {
  readonly name: string;
  readonly title: string;
  readonly variables: Shape;
  /** What is wrong with settings that are right one by one; those that are not right are left out. */
  problems?(settings: Partial<z.output<z.ZodObject<Shape>>>): readonly string[];
  open(settings: z.output<z.ZodObject<Shape>>, request: NeedRequest): Promise<OpenedResource<Resource>>;
  lend?(resource: Resource, borrower: Borrower, settings: z.output<z.ZodObject<Shape>>): Resource;
  /** Default: no error does. */
  isAway?(error: unknown): boolean;
}

export function defineNeed<Shape extends z.ZodRawShape, Resource>(
  options: NeedOptions<Shape, Resource>,
): Need<Resource> {
  const { name, title, variables } = options;
  const read = (environment: Environment): z.output<z.ZodObject<Shape>> => {
    const readable: Record<string, unknown> = {};
    readAllOrThrow([
      ...Object.entries(variables).map(([key, schema]) => () => {
        Object.assign(readable, readConfig({ [key]: schema }, environment));
      }),
      () => {
        const problems = options.problems?.(readable as Partial<z.output<z.ZodObject<Shape>>>) ?? [];
        if (problems.length > 0) throw new ConfigurationError(problems);
      },
    ]);
    return readable as z.output<z.ZodObject<Shape>>;
  };
  return {
    name,
    title,
    variables,
    check: (environment) => void read(environment),
    open: (environment, request) => options.open(read(environment), request),
    lend: (resource, borrower) => options.lend?.(resource, borrower, read(borrower.environment)) ?? resource,
    isAway: (error) => options.isAway?.(error) ?? false,
  };
}
