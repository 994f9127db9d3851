import type { OwnedRoute } from '../routing/public-routes.js';
import type { IncomingRequest } from './client-answer.js';

const ROUTERS_OWN = new Set(['/health/live', '/health/ready']);
const PREFIX = '/v1/services/';
/** Every path of OFREP begins so. */
const FLAGS_PREFIX = '/ofrep/v1/';
/** What clients ask that draw by themselves. */
const STATE_PATHS = new Set(['/v1/flags', '/v1/flags/exposures']);
/** Dot segments, however they are written: they would lead out of what a service or its upstream has been given. */
const DOT_SEGMENT = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\;#]|%2f|%5c|%3b|$)/i;

/** What a request asks for: the router itself, the flags of its services, a service, nothing that anybody has, or what nobody may ask for. */
export type PublicAddress =
  | { readonly kind: 'own'; readonly path: string }
  | { readonly kind: 'flags'; readonly path: string }
  | { readonly kind: 'state'; readonly path: string }
  | { readonly kind: 'unknown' | 'refused'; readonly path: string }
  | {
      readonly kind: 'service';
      readonly service: string;
      readonly path: string;
      /** What follows the service's name or route in it. */
      readonly rest: string;
    };

/** Where routes are looked up. */
interface Routes {
  serviceAt(host: string | undefined, path: string): OwnedRoute | undefined;
}

/** Reads whose a request is: by `/v1/services/{service}/…`, else by the routes of the services. */
export function addressOf({ url = '/', headers }: IncomingRequest, routes: Routes): PublicAddress {
  const { path, host = headers.host } = url.startsWith('/') ? { path: url } : partsOfAbsolute(url);
  const asked = path.split('?', 1)[0] as string;
  if (DOT_SEGMENT.test(asked)) return { kind: 'refused', path };
  if (path.startsWith(PREFIX)) return { kind: 'service', path, ...splitByName(path) };
  if (ROUTERS_OWN.has(asked)) return { kind: 'own', path };
  if (path.startsWith(FLAGS_PREFIX)) return { kind: 'flags', path };
  if (STATE_PATHS.has(asked)) return { kind: 'state', path };
  const route = routes.serviceAt(host, path);
  if (!route) return { kind: 'unknown', path };
  return {
    kind: 'service',
    service: route.service,
    path,
    rest: route.path === '/' ? path : path.slice(route.path.length),
  };
}

/** The host that is asked: of a whole address its own, else the header's. */
export function hostAsked({ url = '/', headers }: IncomingRequest): string | undefined {
  return url.startsWith('/') ? headers.host : (partsOfAbsolute(url).host ?? headers.host);
}

/** Proxies are asked for whole addresses, whose host counts instead of the header's (RFC 9112 §3.2.2). */
function partsOfAbsolute(url: string): { readonly path: string; readonly host?: string } {
  if (!URL.canParse(url)) return { path: '/' };
  const { pathname, search, host } = new URL(url);
  return { path: `${pathname || '/'}${search}`, host };
}

/** `/v1/services/text-to-image/generations?x=1` → `text-to-image` and `/generations?x=1`. */
function splitByName(path: string): { readonly service: string; readonly rest: string } {
  const end = path.slice(PREFIX.length).search(/[/?]/);
  if (end === -1) return { service: path.slice(PREFIX.length), rest: '' };
  return { service: path.slice(PREFIX.length, PREFIX.length + end), rest: path.slice(PREFIX.length + end) };
}
