import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Agent, request, type Dispatcher } from 'undici';
import { isListedHost } from '#libs/platform';
import { refused, unavailable, type FetchedPicture } from './fetched-picture.js';
import { isPrivateAddress } from './private-addresses.js';

const MAX_REDIRECTS = 3;
const ATTEMPTS = 2;
const PAUSE_BEFORE_RETRY_MS = 200;

export interface HttpPictureOptions {
  /**
   * `host`, `host:port` or `*.domain`; without a port the scheme's own one. A host named in full may have a private address
   * (an object store in the same cluster), one that only matches a `*.domain` may not, nor may the target of a redirect.
   */
  readonly hosts: readonly string[];
  readonly maxBytes: number;
  /** For one attempt, redirects and body included. */
  readonly timeoutMs: number;
}

/** Fetches `http:` and `https:` pictures from allow-listed hosts. */
export class HttpPictures {
  private readonly anyAddress = new Agent();
  // Checked at the moment of connecting, so that a name can't resolve to something else after the check.
  private readonly publicAddresses = new Agent({ connect: { lookup: lookupPublic } });

  constructor(private readonly options: HttpPictureOptions) {}

  async fetch(url: URL): Promise<FetchedPicture> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.follow(url, AbortSignal.timeout(this.options.timeoutMs));
      } catch (error) {
        if (attempt === ATTEMPTS || error instanceof PrivateAddressError) return failed(url, error as Error);
        await setTimeout(PAUSE_BEFORE_RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.anyAddress.close(), this.publicAddresses.close()]);
  }

  private async follow(start: URL, signal: AbortSignal): Promise<FetchedPicture> {
    let url = start;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const permission = this.permissionFor(url);
      if (permission === 'refused') {
        return refused(
          `host "${url.host}" is not on the list of allowed hosts: ${this.options.hosts.join(', ') || 'none'}`,
        );
      }
      const dispatcher = hop === 0 && permission === 'any-address' ? this.anyAddress : this.publicAddresses;
      const response = await this.get(url, dispatcher, signal);
      const { statusCode, headers, body } = response;
      const location = headers['location'];
      if (statusCode >= 300 && statusCode < 400 && typeof location === 'string') {
        await body.dump();
        url = new URL(location, url);
        if (url.protocol !== 'http:' && url.protocol !== 'https:') {
          return refused(`"${start.href}" redirects to "${url.protocol}", expected http: or https:`);
        }
        continue;
      }
      if (statusCode === 200) return this.read(url, response);
      await body.dump();
      if (statusCode >= 500 || statusCode === 429) throw new Error(`status ${statusCode}`);
      return unavailable(`"${url.href}" answers with status ${statusCode}, expected 200`);
    }
    return refused(`"${start.href}" redirects more than ${MAX_REDIRECTS} times`);
  }

  private async get(url: URL, dispatcher: Dispatcher, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    // An address is not looked up, so the check of the agent would not see it.
    if (dispatcher === this.publicAddresses && isIP(literal) !== 0 && isPrivateAddress(literal)) {
      throw new PrivateAddressError(literal);
    }
    return request(url, { dispatcher, signal, headers: { accept: 'image/*' } });
  }

  private async read(url: URL, { headers, body }: Dispatcher.ResponseData): Promise<FetchedPicture> {
    const { maxBytes } = this.options;
    const announced = Number(headers['content-length'] ?? 0);
    const parts: Buffer[] = [];
    let length = 0;
    if (announced <= maxBytes) {
      for await (const part of body as AsyncIterable<Buffer>) {
        parts.push(part);
        length += part.length;
        if (length > maxBytes) break;
      }
    }
    if (announced <= maxBytes && length <= maxBytes) return { outcome: 'fetched', bytes: Buffer.concat(parts) };
    // The abort is ours: nobody else listens to the error that it makes.
    body.on('error', () => undefined).destroy();
    return refused(`"${url.href}" has more than the ${maxBytes} bytes that are accepted`);
  }

  private permissionFor(url: URL): 'any-address' | 'public-address' | 'refused' {
    const { hosts } = this.options;
    if (!isListedHost(url.href, hosts)) return 'refused';
    const named = hosts.filter((entry) => !entry.startsWith('*.'));
    return isListedHost(url.href, named) ? 'any-address' : 'public-address';
  }
}

class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError';

  constructor(readonly address: string) {
    super(`${address} is a private address`);
  }
}

function failed(url: URL, error: Error): FetchedPicture {
  const cause = error instanceof PrivateAddressError ? error : error.cause;
  if (cause instanceof PrivateAddressError) {
    return refused(`"${url.href}" leads to the private address ${cause.address}`);
  }
  const reason = `"${url.href}" can't be fetched: ${error.message || String(error)}`;
  return error.name === 'TimeoutError' ? { outcome: 'late', reason } : unavailable(reason);
}

type LookupCallback = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** `dns.lookup` that fails on addresses that are not public. */
function lookupPublic(hostname: string, options: LookupOptions, done: LookupCallback): void {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error, []);
    const secret = addresses.find(({ address }) => isPrivateAddress(address));
    if (secret !== undefined) return done(new PrivateAddressError(secret.address), []);
    if (options.all === true) return done(null, addresses);
    return done(null, addresses[0]!.address, addresses[0]!.family);
  });
}
