import { hostname } from 'node:os';
import { join } from 'node:path';
import { commonVariables, ConfigurationError, readConfig, variables } from '#libs/platform';
import type { RouterOptions } from './router-options.js';

/** Variables of the router besides those that every app understands. */
export const routerVariables = {
  DATA_DIR: commonVariables.DATA_DIR,
  HOST: commonVariables.HOST,
  /** Port of the proxy, health and metrics; 0 takes any free one. */
  ROUTER_PORT: variables.port.default(8080),
  /** Name of this router in its answers to commands; must be its own. Default: host name and port. */
  ROUTER_ID: variables.text.optional(),
  /** Upstreams of services without an experiment: `text-to-image=http://sdxl:8000,upscale=http://esrgan:8000`. */
  ROUTER_UPSTREAMS: variables.list.default([]),
  /** Longest time for an upstream's whole answer. */
  ROUTER_UPSTREAM_TIMEOUT_MS: variables.integer.min(1).default(60_000),
  /** Connections to one upstream; requests beyond wait. */
  ROUTER_UPSTREAM_CONNECTIONS: variables.integer.min(1).default(256),
  /** Headers that name the user and the session. */
  ROUTER_USER_HEADER: variables.text.toLowerCase().default('teststrip-unit'),
  ROUTER_SESSION_HEADER: variables.text.toLowerCase().default('teststrip-session'),
  /** With it in `teststrip-override-token` a request may choose its variant in `teststrip-override`. Not set: nobody may. */
  ROUTER_OVERRIDE_TOKEN: variables.text.min(16, 'expected at least 16 characters').optional(),
  /** How long requests under way may take at shutdown. */
  ROUTER_DRAIN_MS: variables.integer.min(0).default(8_000),
} as const;

/**
 * The router's settings from the environment.
 * @throws ConfigurationError
 */
export function routerSettings(environment?: Readonly<Record<string, string | undefined>>): RouterOptions {
  const config = readConfig(routerVariables, environment);
  const routerId = config.ROUTER_ID ?? `${hostname()}-${config.ROUTER_PORT}`;
  return {
    host: config.HOST,
    port: config.ROUTER_PORT,
    routerId,
    upstreams: parseUpstreams(config.ROUTER_UPSTREAMS),
    limits: { timeoutMs: config.ROUTER_UPSTREAM_TIMEOUT_MS, connections: config.ROUTER_UPSTREAM_CONNECTIONS },
    unitHeaders: { user: config.ROUTER_USER_HEADER, session: config.ROUTER_SESSION_HEADER },
    ...(config.ROUTER_OVERRIDE_TOKEN === undefined ? {} : { overrideToken: config.ROUTER_OVERRIDE_TOKEN }),
    lastKnownGoodFile: join(config.DATA_DIR, 'router', `${routerId}.json`),
    drainMs: config.ROUTER_DRAIN_MS,
  };
}

function parseUpstreams(entries: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entries.map((entry) => {
      const [service, url] = splitOnce(entry);
      if (!service || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
        throw new ConfigurationError(
          `The environment can't be used:\n  ROUTER_UPSTREAMS: "${entry}": expected service=http://host:port`,
        );
      }
      return [service, url];
    }),
  );
}

function splitOnce(entry: string): readonly [string, string] {
  const at = entry.indexOf('=');
  return at === -1 ? ['', ''] : [entry.slice(0, at), entry.slice(at + 1)];
}
