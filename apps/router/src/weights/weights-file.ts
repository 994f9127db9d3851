import { readFileSync } from 'node:fs';
import { durationOfAtLeast, messageAt, parseDurationMs, readYaml, slug } from '#libs/contracts';
import { z } from 'zod';
import type { UnitHeaders } from '../proxy/request-headers.js';
import { EnvoyTarget } from './envoy-target.js';
import { GatewayTarget } from './gateway-target.js';
import { NginxTarget } from './nginx-target.js';
import type { WeightsTarget } from './weights-target.js';

/** How long nginx goes on without a sign from its router, unless the file says otherwise. */
const USUAL_LEASE = '5m';
/** nginx reads its configuration again twice in a lease. */
const SHORTEST_LEASE = '10s';

const path = z.string('is missing').min(1, 'expected a path');
const service = slug.describe('The name of the service.');
const accessLog = path.optional();

const nginx = z.strictObject({
  service,
  file: path,
  probe: z
    .string('is missing: where nginx says what it serves, such as 127.0.0.1:8189')
    .regex(/^(unix:\/\S+|[\w.-]+:\d{1,5})$/, 'expected host:port, or unix: and a path'),
  pid: path.optional(),
  lease: durationOfAtLeast(SHORTEST_LEASE).default(USUAL_LEASE),
  accessLog,
});

const address = z.url({ protocol: /^https?$/, error: 'expected an address such as http://127.0.0.1:9901' });

const envoy = z.strictObject({
  service,
  file: path,
  admin: address,
  route: z.string('is missing: the name of the route configuration').min(1),
  domains: z.array(z.string()).min(1).default(['*']),
  prefix: z.string().startsWith('/', 'expected a path').default('/'),
  clusters: z.record(z.string(), z.string(), "is missing: Envoy's clusters by the variants' upstreams"),
  accessLog,
});

const gateway = z.strictObject({
  service,
  namespace: z.string('is missing').min(1),
  name: z.string('is missing: the name of the HTTPRoute').min(1),
  server: address.default('https://kubernetes.default.svc'),
  tokenFile: path.optional(),
  caFile: path.optional(),
  parentRefs: z.array(z.looseObject({})).optional(),
  hostnames: z.array(z.string()).optional(),
  matches: z.array(z.looseObject({})).optional(),
  force: z.boolean().default(false),
  accessLog,
});

const content = z.strictObject({
  nginx: z.array(nginx).default([]),
  envoy: z.array(envoy).default([]),
  gateway: z.array(gateway).default([]),
});

/** Proxies that draw by themselves, and the access logs in which they tell what became of requests. */
export interface OtherProxies {
  readonly targets: readonly WeightsTarget[];
  readonly accessLogs: readonly { readonly service: string; readonly path: string }[];
}

/**
 * Reads the file of ROUTER_WEIGHTS.
 * @throws Error with file, line and expectation of everything that is wrong
 */
export function readWeights(file: string, unitHeaders: UnitHeaders): OtherProxies {
  const read = contentOf(file);
  const targets = [
    ...read.nginx.map((one) => new NginxTarget({ ...one, leaseMs: parseDurationMs(one.lease), unitHeaders })),
    ...read.envoy.map((one) => new EnvoyTarget(one)),
    ...read.gateway.map((one) => new GatewayTarget(one)),
  ];
  const logged = [...read.nginx, ...read.envoy, ...read.gateway];
  const accessLogs = logged.flatMap((one) =>
    one.accessLog === undefined ? [] : [{ service: one.service, path: one.accessLog }],
  );
  return { targets, accessLogs };
}

function contentOf(file: string): z.output<typeof content> {
  const read = readYaml(textOf(file));
  if (!('value' in read)) {
    throw new Error(read.faults.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('; '));
  }
  const parsed = content.safeParse(read.value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const { line, column } = read.placeOf(issue.path);
    return `${file}:${line}:${column}: ${messageAt(issue.path, issue.message)}`;
  });
  throw new Error(problems.join('; '));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = `${file}: can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
    throw new Error(`${why}; expected the file of weights that the variable ROUTER_WEIGHTS names`, { cause: error });
  }
}
