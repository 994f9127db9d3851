import { statSync } from 'node:fs';
import { z } from 'zod';
import { readRange, type AddressRange } from '../http/trusted-proxies.js';

/** What people read about a variable. */
export interface VariableFacts {
  /** What it is for, with its unit; one or two sentences. */
  readonly description: string;
  /** Its value is never printed, neither in the log nor in messages about wrong values. */
  readonly secret?: boolean;
  /** The default in words, where it follows from something else. */
  readonly defaultIs?: string;
}

const facts = z.registry<VariableFacts & Record<string, unknown>>();

/** A variable with what people read about it: `documented(variables.port.default(8081), 'Port of the API.')`. */
export function documented<Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  more: Omit<VariableFacts, 'description'> = {},
): Schema {
  // A copy of its own: building blocks are shared by many variables.
  const own = schema.clone() as Schema;
  facts.add(own, { description, ...more });
  return own;
}

/** @throws Error for a variable that nobody has described. */
export function variableFacts(name: string, schema: z.core.$ZodType): VariableFacts {
  const found = facts.get(schema);
  if (!found) throw new Error(`The variable ${name} has no description: declare it with documented(…)`);
  return found;
}

const port = z.coerce.number().int().min(0).max(65_535);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const addressRanges = list.transform((entries, context): readonly AddressRange[] =>
  entries.flatMap((entry) => {
    const range = readRange(entry);
    if (range) return [range];
    context.addIssue({ code: 'custom', message: `"${entry}": expected an address or a range such as 10.0.0.0/8` });
    return [];
  }),
);

const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');

/** A folder, or nothing yet. */
function isNoFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

/** Longest time that a timer can wait; a longer one ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Building blocks for the variables of an app. */
export const variables = {
  port,
  list,
  /** `10.0.0.0/8,::1` */
  addressRanges,
  flag,
  text: z.string(),
  url: z.url(),
  integer: z.coerce.number().int(),
  number: z.coerce.number(),
  /** A time to wait, for every variable that ends in `_MS`. */
  milliseconds: z.coerce.number().int().max(LONGEST_TIMER_MS),
};

/** Variables that every app understands. */
export const processVariables = {
  LOG_LEVEL: documented(
    z.enum(['debug', 'log', 'warn', 'error']).default('log'),
    'The least important lines that are printed: `debug`, `log`, `warn` or `error`. `debug` adds the lines of the framework and stack traces.',
  ),
  LOG_FORMAT: documented(
    z.enum(['auto', 'json', 'text']).default('auto'),
    '`json` for machines, `text` for people; `auto` is text on a terminal and JSON elsewhere.',
  ),
  HOST: documented(z.string().min(1).default('127.0.0.1'), 'Address that the servers listen on.'),
  ALLOWED_HOSTS: documented(
    list.default([]),
    'Comma-separated host names, with their ports where they have one, by which browsers may ask for this server: `teststrip.example.com`. Addresses and `localhost` need none.',
    { defaultIs: 'none on loopback, any elsewhere' },
  ),
  SHUTDOWN_NOTICE_MS: documented(
    variables.milliseconds.min(0).default(0),
    'After SIGTERM: milliseconds for which an app answers "not ready" and still takes requests, so that load balancers can turn away first.',
  ),
  SHUTDOWN_DRAIN_MS: documented(
    variables.milliseconds.min(0).default(5_000),
    'After that: longest time in milliseconds that requests under way may take; live streams are not waited for.',
  ),
  SHUTDOWN_GRACE_MS: documented(
    variables.milliseconds.min(1).default(15_000),
    'Time in milliseconds after which a process that is still closing is ended with code 1.',
  ),
  END_WITH_PARENT: documented(
    variables.flag.default(false),
    'Whether the process ends in order when the one that started it has ended. It says then in a line of JSON that it is ready, in either format.',
  ),
} as const;

/** Variables that say where bus and database are and whose word counts, and that every app may read. */
export const commonVariables = {
  ...processVariables,
  AUTH: documented(
    z.enum(['on', 'off']).default('on'),
    '`off`: whoever reaches a port, or may write to the bus, may do everything, under any name that the body says. On loopback only.',
  ),
  BUS: documented(
    z.enum(['postgres', 'kafka', 'memory']).default('postgres'),
    'Carrier of the event bus. `memory` is for one process alone.',
  ),
  KAFKA_BROKERS: documented(list.default([]), 'Comma-separated `host:port` list; needed with `BUS=kafka`.'),
  DATABASE_URL: documented(
    z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'expected an address that begins with postgres://')
      .optional(),
    'Postgres, as `postgres://user:password@host:port/database`.',
    { secret: true, defaultIs: 'an embedded Postgres in DATA_DIR' },
  ),
  DATA_DIR: documented(
    z.string().refine(isNoFile, 'expected a folder; this is a file').default('.teststrip'),
    'Folder of the embedded Postgres, the pictures and the last-known-good files. Started as root below a folder that is closed to others, Postgres keeps its data in /var/lib/teststrip.',
  ),
  PARTITIONS: documented(
    z.coerce.number().int().min(1).max(512).default(4),
    'Partitions that the topics keyed by unit are created with. Topics that are there keep theirs, which is said at the start.',
  ),
} as const;

/** UPSTREAM_HOSTS of the decision service, which refuses files by it, and of the router, which obeys nothing else. */
export const upstreamHostsVariable = documented(
  list.optional(),
  'Comma-separated `host`, `host:port` or `*.domain` that variants and baselines may be served from: the decision service refuses files that name others, routers obey nothing that does.',
  { defaultIs: 'any host' },
);
