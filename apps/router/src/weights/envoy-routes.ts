import { ASSIGNMENT_HEADER, REQUEST_ID_HEADER } from '#libs/contracts';
import { sha256Of } from '#libs/telemetry';
import { assignmentFrame } from './assignment-frame.js';
import { UnservableError, type Split, type SplitAssignment } from './split.js';

export interface EnvoyRoutesOptions {
  /** Name of the route configuration (`rds.route_config_name`). */
  readonly route: string;
  readonly domains: readonly string[];
  readonly prefix: string;
  /** Envoy's cluster by a variant's upstream. */
  readonly clusters: Readonly<Record<string, string>>;
}

/** What Envoy's admin says as `version_info` while it serves by a file. */
export function envoyVersion(split: Split): string {
  return `${split.epoch} ${sha256Of(JSON.stringify(split)).slice(0, 16)}`;
}

/**
 * The file of a route configuration for Envoy (`path_config_source`): clusters by weight, each telling its variant the assignment. Envoy draws each request by itself;
 * its unit is `x-request-id`.
 * @throws UnservableError where a variant has no cluster
 */
export function envoyRoutes(split: Split, { route, domains, prefix, clusters }: EnvoyRoutesOptions): string {
  const weighted = split.targets.flatMap(({ name, upstream, sharePpm }, index) => {
    if (sharePpm === 0) return [];
    const cluster = clusters[upstream.url] ?? clusters[upstream.origin];
    if (cluster === undefined) throw new UnservableError(`${name}: no cluster is named for ${upstream.url}`);
    const assignment = split.drawn?.assignments[index];
    return [{ name: cluster, weight: sharePpm, request_headers_to_add: assignment ? [told(assignment)] : [] }];
  });
  const routes = [
    {
      match: { prefix },
      // Pictures take their time; the variants have limits of their own.
      route: { weighted_clusters: { clusters: weighted }, timeout: '0s' },
      request_headers_to_add: [header(REQUEST_ID_HEADER, '%REQ(x-request-id)%')],
      // What a client says of itself is nobody's assignment.
      request_headers_to_remove: split.drawn ? [] : [ASSIGNMENT_HEADER],
    },
  ];
  const resource = {
    '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
    name: route,
    virtual_hosts: [{ name: split.service, domains, routes }],
  };
  return `${JSON.stringify({ version_info: envoyVersion(split), resources: [resource] }, null, 1)}\n`;
}

function told(assignment: SplitAssignment): object {
  const { beforeUnit, beforeTime, end } = assignmentFrame(assignment);
  const time = '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%';
  return header(ASSIGNMENT_HEADER, `${plain(beforeUnit)}%REQ(x-request-id)%${plain(beforeTime)}${time}${plain(end)}`);
}

/** Not read as a command of Envoy's. */
function plain(text: string): string {
  return text.replaceAll('%', '%%');
}

function header(key: string, value: string): object {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}
