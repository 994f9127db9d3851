import { BlockList, isIP } from 'node:net';

// IANA special-purpose address registries: everything that is not globally reachable, and multicast.
const special = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  // Relays to 6to4, which may send it anywhere.
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  special.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  // With an IPv4 in its last bits: compatible (`::127.0.0.1`) and translated (`::ffff:0:127.0.0.1`, RFC 2765).
  ['::', 96],
  ['::ffff:0:0:0', 96],
  // NAT64, well known and local (RFC 8215): gateways turn the last bits into an IPv4.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['100:0:0:1::', 64],
  // IETF protocol assignments, Teredo among them: an IPv4 is hidden in its last bits.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4: an IPv4 stands in the bits after the first 16.
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  // Site-local, deprecated and still routed within some sites.
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  special.addSubnet(network, prefix, 'ipv6');
}

/** Whether an IP address is private, local or otherwise not on the public internet. IPv4 inside IPv6 counts as the IPv4. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || special.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
