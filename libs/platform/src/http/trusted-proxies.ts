import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** What of a request tells who sends it. */
export interface RequestOrigin {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: IncomingHttpHeaders;
}

/** Addresses in CIDR notation; a single one has all of its bits. */
export interface AddressRange {
  readonly address: string;
  readonly bits: number;
}

/** `10.0.0.0/8`, `::1` → a range; undefined for anything else. */
export function readRange(text: string): AddressRange | undefined {
  const [address = '', bits, ...more] = text.split('/');
  const most = isIP(address) === 6 ? 128 : 32;
  const read = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
  return isIP(address) !== 0 && more.length === 0 && read <= most ? { address, bits: read } : undefined;
}

/** Proxies in front of a service, whose word on the client (`X-Forwarded-*`, `Forwarded`) counts. Nobody else's does. */
export class TrustedProxies {
  private readonly list = new BlockList();
  private readonly isEmpty: boolean;

  constructor(ranges: readonly AddressRange[]) {
    this.isEmpty = ranges.length === 0;
    for (const { address, bits } of ranges) this.list.addSubnet(address, bits, familyOf(address));
  }

  /** Whether the request comes from one of them. */
  sent({ socket }: Pick<RequestOrigin, 'socket'>): boolean {
    return !this.isEmpty && socket.remoteAddress !== undefined && this.has(socket.remoteAddress);
  }

  /** Address of the client: of what the trusted proxies say of it, the last that none of them is. */
  clientOf(request: RequestOrigin): string {
    const from = request.socket.remoteAddress ?? 'unknown';
    if (!this.sent(request)) return from;
    const hops = String(request.headers['x-forwarded-for'] ?? '').split(',');
    for (const hop of hops.toReversed()) {
      const address = withoutPort(hop.trim());
      if (isIP(address) === 0) break;
      if (!this.has(address)) return address;
    }
    return from;
  }

  private has(address: string): boolean {
    const plain = address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
    return this.list.check(plain, familyOf(plain));
  }
}

/** Some proxies say from which port as well: `192.0.2.1:4711`, `[2001:db8::1]:4711`, or the address in brackets alone. */
function withoutPort(hop: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^(\d{1,3}(?:\.\d{1,3}){3}):\d+$/.exec(hop)?.[1] ?? hop;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
