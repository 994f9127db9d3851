import { NOT_ASKED } from '#libs/contracts';
import { isListedHost, ProblemException } from '#libs/platform';

/**
 * Whoever may apply files may not send users anywhere.
 * @param path where the upstream is written
 * @param hosts undefined: anywhere is allowed
 * @throws ProblemException 422 for an upstream whose host is not on the list
 */
export function refuseUnlistedUpstream(path: string, upstream: string, hosts: readonly string[] | undefined): void {
  // Parameters alone are asked nowhere.
  if (hosts === undefined || upstream === NOT_ASKED || isListedHost(upstream, hosts)) return;
  const { host } = new URL(upstream);
  const message = `${host} is none of the hosts that this installation serves from (UPSTREAM_HOSTS): expected ${hosts.join(', ')}`;
  throw new ProblemException({
    title: 'The upstream is not allowed',
    status: 422,
    detail: `${path}: ${message}`,
    problems: [{ path, message }],
  });
}
