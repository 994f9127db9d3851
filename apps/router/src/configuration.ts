import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { namesUser, readRoute, routeText, slug } from '#libs/contracts';
import { commonVariables, ConfigurationError, documented, upstreamHostsVariable, variables } from '#libs/platform';
import type { RouterOptions } from './router-options.js';
import type { OwnedRoute } from './routing/public-routes.js';

const upstreams = variables.list.transform((entries, context): Readonly<Record<string, string>> => {
  const pairs = entries.map(splitOnce);
  for (const [service, url] of pairs) {
    if (!slug.safeParse(service).success) {
      const message = `"${service}": expected lower-case letters, digits and dashes as the name of a service`;
      context.addIssue({ code: 'custom', message });
    } else if (!/^https?:\/\//.test(url) || !URL.canParse(url) || namesUser(url)) {
      const message = `the upstream of ${service}: expected http://host:port, without a user or password in it`;
      context.addIssue({ code: 'custom', message });
    }
  }
  return Object.fromEntries(pairs);
});

const routes = variables.list.transform((entries, context): readonly OwnedRoute[] =>
  entries.flatMap((entry) => {
    const [service, written] = splitOnce(entry);
    const slash = written.indexOf('/');
    const host = slash > 0 ? written.slice(0, slash) : undefined;
    const route = routeText.safeParse(slash === -1 ? '' : { ...(host ? { host } : {}), path: written.slice(slash) });
    if (slug.safeParse(service).success && route.success) return [{ ...readRoute(route.data), service }];
    const problem = route.error?.issues[0]?.message ?? 'the name of a service is lower-case letters, digits and dashes';
    const message = `"${entry}": expected service=/path or service=host/path; ${problem}`;
    context.addIssue({ code: 'custom', message });
    return [];
  }),
);

/** Variables of the router. */
export const routerVariables = {
  ROUTER_PORT: documented(variables.port.default(8080), "Port of users' requests; 0 takes any free one."),
  ROUTER_ADMIN_PORT: documented(
    variables.port.default(8086),
    'Port of health, metrics and what else is not for users; 0 takes any free one.',
  ),
  ROUTER_ID: documented(variables.text.optional(), 'Name of this router in its answers to commands; must be its own.', {
    defaultIs: 'host name and port, on any free port another one at each start',
  }),
  ROUTER_UPSTREAMS: documented(
    upstreams.default({}),
    'Upstreams of services without an experiment: `text-to-image=http://sdxl:8000,upscale=http://esrgan:8000`.',
    { defaultIs: 'none' },
  ),
  UPSTREAM_HOSTS: upstreamHostsVariable,
  ROUTER_ROUTES: documented(
    routes.default([]),
    'Public paths of services whose route no experiment or baseline names: `text-to-image=/v1/images,upscale=upscale.example.com/`.',
    { defaultIs: 'none' },
  ),
  ROUTER_UPSTREAM_TIMEOUT_MS: documented(
    variables.milliseconds.min(1).default(60_000),
    "Longest time in milliseconds until an upstream's answer begins; of an upload, between two pieces of it and after its last.",
  ),
  ROUTER_UPSTREAM_IDLE_MS: documented(
    variables.milliseconds.min(1).default(60_000),
    'Longest time in milliseconds between two bytes of an answer. There is no limit for the whole of it.',
  ),
  ROUTER_UPSTREAM_CONNECTIONS: documented(
    variables.integer.min(1).default(256),
    'Connections to the upstream of one variant, and WebSockets beside them; requests beyond wait.',
  ),
  ROUTER_UPSTREAM_QUEUE: documented(
    variables.integer.min(0).default(256),
    "Requests that may wait for a connection; a candidate's that come beyond go to control, the others are answered with 503 and `Retry-After`.",
  ),
  ROUTER_USER_HEADER: documented(
    variables.text.toLowerCase().default('teststrip-unit'),
    'Request header that names the user.',
  ),
  ROUTER_SESSION_HEADER: documented(
    variables.text.toLowerCase().default('teststrip-session'),
    'Request header that names the session.',
  ),
  ROUTER_TRUSTED_PROXIES: documented(
    variables.addressRanges.default([]),
    "Addresses of proxies in front of the router (`10.0.0.0/8,::1`): what they say of the client (`X-Forwarded-*`, `Forwarded`, `X-Real-IP`) is passed on; everybody else's is replaced.",
    { defaultIs: 'none' },
  ),
  ROUTER_UNITS_NAMED_BY: documented(
    z.enum(['anybody', 'proxies']).default('anybody'),
    'Who may say in headers which user or session asks, and its attributes. `anybody`: whoever asks, who then chooses a variant by choosing a name. `proxies`: those of ROUTER_TRUSTED_PROXIES alone; everybody else is known by the cookie of ROUTER_COOKIE_KEY, or is a unit of each request.',
  ),
  ROUTER_CLIENT_REQUESTS: documented(
    z.union([z.literal('any'), variables.integer.min(1)], 'expected a whole number from 1, or any').optional(),
    'Requests and WebSockets that one client (an IPv4 address, a /64 of IPv6) may have under way; what comes beyond is answered with 429. `any`: no limit. Behind a proxy it needs ROUTER_TRUSTED_PROXIES, else all clients are one.',
    { defaultIs: '128; for clients of private networks, where proxies are, any number' },
  ),
  ROUTER_COOKIE_KEY: documented(
    variables.text.min(16, 'expected at least 16 characters').optional(),
    'Signs the cookie by which people without a name in a header keep their variant; the same at every router.',
    { secret: true, defaultIs: 'no cookies' },
  ),
  ROUTER_OVERRIDE_TOKEN: documented(
    variables.text.min(16, 'expected at least 16 characters').optional(),
    'With it in `teststrip-override-token` a request may choose its variant in `teststrip-override`; tokens that `POST /v1/services/{service}/override-tokens` gives are signed with it. The same at every router. At least 16 characters.',
    { secret: true, defaultIs: 'nobody may choose' },
  ),
  ROUTER_BREAK_GLASS_TOKEN: documented(
    variables.text.min(16, 'expected at least 16 characters').optional(),
    'Whoever sends it as `authorization: Bearer …` may send a service to its baseline by hand, without bus or database. At least 16 characters.',
    { secret: true, defaultIs: 'nobody may' },
  ),
  ROUTER_DRAIN_MS: documented(
    variables.milliseconds.min(0).default(8_000),
    'How long, in milliseconds, requests under way may take at shutdown.',
  ),
  ROUTER_SHADOW_BUSY_ABOVE: documented(
    variables.integer.min(0).default(128),
    "With more of users' requests under way none is copied to a candidate in the shadow.",
  ),
  ROUTER_WEIGHTS: documented(
    variables.text.optional(),
    'File that names proxies which draw by themselves (nginx, Envoy, Gateway API) and whose weights this router keeps.',
    { defaultIs: 'none' },
  ),
  DATA_DIR: commonVariables.DATA_DIR,
} as const;

/** The router's settings from its variables. */
export function routerSettings(
  config: z.output<z.ZodObject<typeof routerVariables>> & { readonly HOST: string },
): RouterOptions {
  const routerId = config.ROUTER_ID ?? nameOf(config.ROUTER_PORT);
  if (config.ROUTER_UNITS_NAMED_BY === 'proxies' && config.ROUTER_TRUSTED_PROXIES.length === 0)
    throw new ConfigurationError([
      'ROUTER_UNITS_NAMED_BY=proxies: nobody could name a unit; expected the addresses of the proxies in ROUTER_TRUSTED_PROXIES',
    ]);
  return {
    host: config.HOST,
    port: config.ROUTER_PORT,
    routerId,
    upstreams: config.ROUTER_UPSTREAMS,
    upstreamHosts: config.UPSTREAM_HOSTS,
    routes: config.ROUTER_ROUTES,
    limits: {
      timeoutMs: config.ROUTER_UPSTREAM_TIMEOUT_MS,
      idleMs: config.ROUTER_UPSTREAM_IDLE_MS,
      connections: config.ROUTER_UPSTREAM_CONNECTIONS,
      queue: config.ROUTER_UPSTREAM_QUEUE,
    },
    unitHeaders: { user: config.ROUTER_USER_HEADER, session: config.ROUTER_SESSION_HEADER },
    ...(config.ROUTER_COOKIE_KEY === undefined ? {} : { cookieKey: config.ROUTER_COOKIE_KEY }),
    ...(config.ROUTER_OVERRIDE_TOKEN === undefined ? {} : { overrideToken: config.ROUTER_OVERRIDE_TOKEN }),
    ...(config.ROUTER_BREAK_GLASS_TOKEN === undefined ? {} : { breakGlassToken: config.ROUTER_BREAK_GLASS_TOKEN }),
    lastKnownGoodFile: join(config.DATA_DIR, 'router', `${routerId}.json`),
    trustedProxies: config.ROUTER_TRUSTED_PROXIES,
    unitsNamedBy: config.ROUTER_UNITS_NAMED_BY,
    clientRequests: config.ROUTER_CLIENT_REQUESTS,
    drainMs: config.ROUTER_DRAIN_MS,
    shadowBusyAbove: config.ROUTER_SHADOW_BUSY_ABOVE,
    weightsFile: config.ROUTER_WEIGHTS,
  };
}

/** Of this router alone, and the same after a restart where its port is. Several on any free port must not share a name: it names their file too. */
function nameOf(port: number): string {
  return `${hostname()}-${port === 0 ? randomUUID().slice(0, 8) : port}`;
}

function splitOnce(entry: string): readonly [string, string] {
  const at = entry.indexOf('=');
  return at === -1 ? ['', entry] : [entry.slice(0, at), entry.slice(at + 1)];
}
