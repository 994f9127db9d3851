import { NOT_ASKED } from '#libs/contracts';
import { isListedHost, ProblemException } from '#libs/platform';

/**
 * Whoever may apply files may not send users anywhere.
 * @param hosts undefined: anywhere is allowed
 * @throws ProblemException 422 for an upstream whose host is not on the list
 */
export function refuseUnlistedUpstreams(
  upstreams: Readonly<Record<string, string>>,
  hosts: readonly string[] | undefined,
): void {
  if (hosts === undefined) return;
  for (const [path, upstream] of Object.entries(upstreams)) {
    // Parameters alone are asked nowhere.
    if (upstream === NOT_ASKED || isListedHost(upstream, hosts)) continue;
    const { host } = new URL(upstream);
    const message = `${host} is none of the hosts that this installation serves from (UPSTREAM_HOSTS): expected ${hosts.join(', ')}`;
    throw new ProblemException({
      title: 'The upstream is not allowed',
      status: 422,
      detail: `${path}: ${message}`,
      problems: [{ path, message }],
    });
  }
}
