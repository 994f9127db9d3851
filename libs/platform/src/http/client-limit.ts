import { BlockList, isIP } from 'node:net';
import { clientNetwork } from './client-network.js';

/** Requests that one client may have under way where nobody has said another number: a quarter of what one variant takes and lets wait. */
export const USUAL_CLIENT_REQUESTS = 128;

const MOST_REMEMBERED = 10_000;
/** Gives back the place of who is not counted. */
export const NOTHING_TO_GIVE_BACK = (): void => undefined;

/** Networks of our own: this machine, private and link-local ones, and those of carriers between their customers and us. */
const OWN_NETWORKS: readonly (readonly [address: string, bits: number, family: 'ipv4' | 'ipv6'])[] = [
  ['127.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
];

/** How many requests one client may have under way, by its network; what comes beyond is nobody's evidence. */
export class ClientLimit {
  private readonly underWay = new Map<string, number>();
  private readonly own = new BlockList();
  private readonly clients = new Map<string, string | null>();

  /** @param most undefined: the usual number, but for clients of our own networks, where proxies are that speak for many */
  constructor(private readonly most: number | undefined) {
    for (const [address, bits, family] of OWN_NETWORKS) this.own.addSubnet(address, bits, family);
  }

  /** @returns what gives the place back; undefined: the client has no more of them */
  enter(address: string): (() => void) | undefined {
    const client = this.clientOf(address);
    if (client === null) return NOTHING_TO_GIVE_BACK;
    const now = this.underWay.get(client) ?? 0;
    if (now >= (this.most ?? USUAL_CLIENT_REQUESTS)) return undefined;
    this.underWay.set(client, now + 1);
    return () => this.leave(client);
  }

  /** As whom an address is counted; null: nobody. The same ones ask again and again, and looking costs each request more than remembering. */
  private clientOf(address: string): string | null {
    const known = this.clients.get(address);
    if (known !== undefined) return known;
    const client = this.most === undefined && this.isOwn(address) ? null : clientNetwork(address);
    if (this.clients.size >= MOST_REMEMBERED) this.clients.clear();
    this.clients.set(address, client);
    return client;
  }

  private isOwn(address: string): boolean {
    const plain = address.replace(/%.*$/s, '');
    const family = isIP(plain);
    // A name, or nothing: whoever connects over a socket of this machine.
    return family === 0 || this.own.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  }

  private leave(client: string): void {
    const now = this.underWay.get(client) ?? 0;
    if (now <= 1) this.underWay.delete(client);
    else this.underWay.set(client, now - 1);
  }
}
