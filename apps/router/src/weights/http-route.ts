import { ASSIGNMENT_HEADER, EACH_REQUEST, encodeAssignment } from '#libs/contracts';
import { UnservableError, type Split } from './split.js';

export interface HttpRouteOptions {
  readonly namespace: string;
  readonly name: string;
  /** As in `spec` of an HTTPRoute; without them they are somebody else's. */
  readonly parentRefs?: readonly unknown[] | undefined;
  readonly hostnames?: readonly string[] | undefined;
  readonly matches?: readonly unknown[] | undefined;
}

/** Names of Kubernetes: `sdxl-int8`, or `sdxl-int8.images.svc.cluster.local` for one in another namespace. */
const SERVICE_HOST =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)(?:\.([a-z0-9]([-a-z0-9]*[a-z0-9])?)(?:\.svc(?:\.[a-z0-9.-]+)?)?)?$/;

/**
 * What is applied of an HTTPRoute: all of its rules, since a list of rules has one owner. Weights are those of the order, exactly. A Gateway draws each
 * request by itself, and can't write the request's id into the assignment: it says {@link EACH_REQUEST}.
 * @throws UnservableError where an upstream is no Service of the cluster
 */
export function httpRoute(split: Split, { namespace, name, parentRefs, hostnames, matches }: HttpRouteOptions): object {
  const backendRefs = split.targets.map(({ name: variant, upstream, sharePpm }, index) => {
    const assignment = split.drawn?.assignments[index];
    return {
      ...serviceOf(variant, upstream.url, namespace),
      weight: sharePpm,
      filters: [headerFilter(assignment && encodeAssignment({ ...assignment, unit: EACH_REQUEST }))],
    };
  });
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: {
      name,
      namespace,
      annotations: {
        'teststrip.dev/epoch': String(split.epoch),
        'teststrip.dev/experiment': split.drawn?.experiment ?? '',
      },
    },
    spec: {
      ...(parentRefs === undefined ? {} : { parentRefs }),
      ...(hostnames === undefined ? {} : { hostnames }),
      rules: [{ ...(matches === undefined ? {} : { matches }), backendRefs }],
    },
  };
}

/** What a client says is never passed on as an assignment. */
function headerFilter(value: string | undefined): object {
  const requestHeaderModifier =
    value === undefined ? { remove: [ASSIGNMENT_HEADER] } : { set: [{ name: ASSIGNMENT_HEADER, value }] };
  return { type: 'RequestHeaderModifier', requestHeaderModifier };
}

function serviceOf(variant: string, url: string, ownNamespace: string): object {
  const { hostname, port, pathname, protocol } = new URL(url);
  const [, service, , namespace] = SERVICE_HOST.exec(hostname) ?? [];
  if (service === undefined || /^\d+$/.test(hostname.replaceAll('.', '')) || pathname !== '/' || protocol !== 'http:') {
    throw new UnservableError(
      `${variant}: ${url} is no Service of the cluster: expected http://name or http://name.namespace, with a port`,
    );
  }
  const elsewhere = namespace !== undefined && namespace !== ownNamespace ? { namespace } : {};
  return { kind: 'Service', name: service, ...elsewhere, port: Number(port || 80) };
}
