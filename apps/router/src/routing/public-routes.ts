import { isSameRoute, type AllocationCommanded, type PublicRoute, type ServiceDefined } from '#libs/contracts';

/** A route and whose it is. */
export interface OwnedRoute extends PublicRoute {
  readonly service: string;
}

/** Which service a public path belongs to: the longest of the routes that it begins with, those with a host's name before those without. */
export class PublicRoutes {
  private readonly ofHost = new Map<string, readonly OwnedRoute[]>();
  private readonly ofAnyHost: readonly OwnedRoute[];

  /** @param routes of two that are the same the first counts */
  constructor(routes: readonly OwnedRoute[]) {
    const sorted = routes.toSorted((left, right) => right.path.length - left.path.length);
    for (const route of sorted) {
      if (route.host === undefined) continue;
      this.ofHost.set(route.host, [...(this.ofHost.get(route.host) ?? []), route]);
    }
    this.ofAnyHost = sorted.filter(({ host }) => host === undefined);
  }

  /** @param hostHeader as the client sent it, with its port */
  find(hostHeader: string | undefined, path: string): OwnedRoute | undefined {
    if (hostHeader !== undefined && this.ofHost.size > 0) {
      const found = firstOver(this.ofHost.get(hostOf(hostHeader)) ?? [], path);
      if (found) return found;
    }
    return firstOver(this.ofAnyHost, path);
  }
}

/** What routes follow from: the newest order about a service says its route; where no order does, the configuration. */
export interface RouteSources {
  readonly commands: readonly AllocationCommanded[];
  readonly services: readonly ServiceDefined[];
  readonly configured: readonly OwnedRoute[];
}

/** The routes in force, by name of the service. The decision service refuses a route that is taken; were there two all the same, the first name has it. */
export function routesInForce({ commands, services, configured }: RouteSources): readonly OwnedRoute[] {
  const told = [
    ...services.map(({ service, epoch, baseline }) => ({ service, epoch, route: baseline.route })),
    ...commands.flatMap(({ service, epoch, baseline }) =>
      baseline ? [{ service, epoch, route: baseline.route }] : [],
    ),
  ];
  const newest = new Map<string, (typeof told)[number]>();
  for (const one of told) if (one.epoch >= (newest.get(one.service)?.epoch ?? 0)) newest.set(one.service, one);
  const ordered = [...newest.values()].flatMap(({ service, route }) => (route ? [{ ...route, service }] : []));
  const byName = ordered.toSorted((left, right) => (left.service < right.service ? -1 : 1));
  const ruled = new Set(byName.map(({ service }) => service));
  const all = [...byName, ...configured.filter(({ service }) => !ruled.has(service))];
  return all.filter((route, index) => all.findIndex((other) => isSameRoute(other, route)) === index);
}

function firstOver(routes: readonly OwnedRoute[], path: string): OwnedRoute | undefined {
  return routes.find((route) => isUnder(path, route.path));
}

/** `/v1/images` is over `/v1/images`, `/v1/images/edits` and `/v1/images?x=1`, and not over `/v1/imagesque`. */
function isUnder(path: string, route: string): boolean {
  if (route === '/') return true;
  if (!path.startsWith(route)) return false;
  const next = path[route.length];
  return next === undefined || next === '/' || next === '?';
}

function hostOf(header: string): string {
  const host = header.toLowerCase();
  const port = host.lastIndexOf(':');
  return port === -1 || host.endsWith(']') ? host : host.slice(0, port);
}
