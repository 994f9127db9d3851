import { isIP } from 'node:net';

/**
 * By what a client's requests are counted: its IPv4 address, or the /64 of its IPv6 address, since whoever has one of those has all of them.
 * An IPv4 address in the form of IPv6 is the same client as without.
 */
export function clientNetwork(address: string): string {
  const plain = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1] ?? address;
  return isIP(plain) === 6 ? `${groupsOf(plain).slice(0, 4).join(':')}::/64` : plain;
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): readonly string[] {
  // The URL parser writes every address in its one canonical form, RFC 5952, and IPv4 at its end as two groups.
  const [left = '', right] = new URL(`http://[${address.replace(/%.*$/s, '')}]`).hostname.slice(1, -1).split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
}
