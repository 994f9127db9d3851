/**
 * Whether the host of a URL is on a list: `host` and `host:port` are that one (without a port the scheme's own), `*.domain` is every host below the
 * domain. What is no URL is on none.
 */
export function isListedHost(url: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  // Without the port where it is the scheme's own.
  const { host } = new URL(url);
  return hosts.some((entry) => {
    const listed = entry.toLowerCase();
    return listed.startsWith('*.') ? host.endsWith(listed.slice(1)) : host === listed;
  });
}
