import { z } from 'zod';

/** Paths at which a router answers itself; no service can have them. */
const ROUTERS_OWN = ['/v1/services', '/v1/allocations', '/health', '/ofrep'];

const EXPECTED_PATH = 'expected a path such as "/v1/images": letters, digits and dashes between slashes, and no query';
const EXPECTED_HOST = 'expected the name of a host such as "images.example.com", without a port';

const pathText = z
  .string(EXPECTED_PATH)
  .max(512, 'expected at most 512 characters')
  .regex(/^\/(?:[\w.~!$&'()*+,;=:@-]+(?:\/[\w.~!$&'()*+,;=:@-]+)*\/?)?$/, EXPECTED_PATH)
  .refine((path) => path.split('/').every((part) => part !== '.' && part !== '..'), EXPECTED_PATH)
  .refine((path) => !ROUTERS_OWN.some((own) => isUnder(withoutSlash(path), own)), {
    error: `expected a path that is not the router's own: ${ROUTERS_OWN.join(', ')}`,
  });

const hostText = z
  .string(EXPECTED_HOST)
  .max(253, EXPECTED_HOST)
  .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i, EXPECTED_HOST);

/** Where clients ask for a service, so that they change nothing but an address: every path that begins with `path`. */
export const publicRoute = z.object({
  /** Of the host's name in lower case; absent: of any. */
  host: z.string().min(1).optional(),
  /** With no slash at its end; `/` is everything. */
  path: z.string().min(1),
});
export type PublicRoute = z.infer<typeof publicRoute>;

/** A route as people write it. */
export const routeText = z.union(
  [pathText, z.strictObject({ host: hostText.optional(), path: pathText.default('/') })],
  {
    error: `expected a path such as "/v1/images", or { host: images.example.com, path: / }`,
  },
);

export function readRoute(written: z.output<typeof routeText>): PublicRoute {
  if (typeof written === 'string') return { path: withoutSlash(written) };
  const { host, path } = written;
  return { ...(host === undefined ? {} : { host: host.toLowerCase() }), path: withoutSlash(path) };
}

/** Whether two routes are one: no router could tell whose a request is. */
export function isSameRoute(left: PublicRoute | undefined, right: PublicRoute | undefined): boolean {
  return left?.path === right?.path && left?.host === right?.host;
}

/** "images.example.com/v1/images". */
export function routeInWords({ host = '', path }: PublicRoute): string {
  return `${host}${path}`;
}

function isUnder(path: string, own: string): boolean {
  return path === own || path.startsWith(`${own}/`);
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
