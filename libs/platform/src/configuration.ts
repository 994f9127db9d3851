import { z } from 'zod';

/** What is wrong with the environment: every variable, its value and what was expected. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

const port = z.coerce.number().int().min(0).max(65_535);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');

/** Building blocks for the variables of an app: `readConfig({ ROUTER_PORT: variables.port.default(8080) })`. */
export const variables = {
  port,
  list,
  flag,
  text: z.string(),
  url: z.url(),
  integer: z.coerce.number().int(),
  number: z.coerce.number(),
};

/** Variables that every app understands. */
export const commonVariables = {
  /** Carrier of the event bus. */
  BUS: z.enum(['postgres', 'kafka', 'memory']).default('postgres'),
  /** Comma-separated `host:port` list; needed with BUS=kafka. */
  KAFKA_BROKERS: list.default([]),
  /** Postgres; without it an embedded one is started under DATA_DIR. */
  DATABASE_URL: z.string().optional(),
  /** Where embedded data, pictures and last-known-good files live. */
  DATA_DIR: z.string().default('.teststrip'),
  /** Partitions of the topics keyed by unit. */
  PARTITIONS: z.coerce.number().int().min(1).max(512).default(4),
  LOG_LEVEL: z.enum(['debug', 'log', 'warn', 'error']).default('log'),
  LOG_FORMAT: z.enum(['json', 'text']).default('json'),
  HOST: z.string().default('127.0.0.1'),
} as const;

/**
 * Reads typed settings from the environment; the only place that touches `process.env`.
 * @throws ConfigurationError that names every wrong variable, the value found and what was expected.
 */
export function readConfig<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): z.output<z.ZodObject<Shape>> {
  const given = Object.fromEntries(
    Object.keys(shape)
      .filter((name) => environment[name] !== undefined && environment[name] !== '')
      .map((name) => [name, environment[name]]),
  );
  const parsed = z.object(shape).safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name}=${environment[name] ?? '(not set)'}: ${issue.message}`;
  });
  throw new ConfigurationError(`The environment can't be used:\n  ${lines.join('\n  ')}`);
}

/** The environment of a child process: the present one with `settings` on top. */
export function childEnvironment(settings: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...process.env, ...settings };
}
