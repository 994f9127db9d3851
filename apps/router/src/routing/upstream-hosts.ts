import { NOT_ASKED, type TeststripEvent } from '#libs/contracts';
import { isListedHost } from '#libs/platform';

/**
 * @param hosts undefined: anywhere is allowed
 * @throws Error where an order or a definition names an upstream whose host is not on the list
 */
export function refuseOtherHosts(event: TeststripEvent, hosts: readonly string[] | undefined): void {
  const other =
    hosts && upstreamsIn(event).find((upstream) => upstream !== NOT_ASKED && !isListedHost(upstream, hosts));
  if (other === undefined) return;
  throw new Error(
    `${event.type} of ${event.subject}: the host of an upstream is none of ${hosts?.join(', ')} (UPSTREAM_HOSTS)`,
  );
}

function upstreamsIn(event: TeststripEvent): readonly string[] {
  switch (event.type) {
    case 'experiment.defined.v1':
      return Object.values(event.data.spec.variants).map(({ upstream }) => upstream);
    case 'service.defined.v1':
      return [event.data.baseline.upstream];
    case 'allocation.commanded.v1':
      return event.data.baseline ? [event.data.baseline.upstream] : [];
    default:
      return [];
  }
}
