import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { Agent, request, type Dispatcher } from 'undici';
import { retryAfterMs } from '#libs/platform';
import { refused, unavailable, type FetchedPicture } from './fetched-picture.js';
import { isPrivateAddress } from './private-addresses.js';
import { carriersFault, unpacked } from './received-body.js';

const MAX_REDIRECTS = 3;
/** Longest that a host may ask to be left alone, milliseconds. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** Where a picture is fetched from. */
export interface HttpSource {
  readonly url: URL;
  /** As rows name it: an address may be signed, which is nobody's business. */
  readonly shown: string;
  permission(url: URL): 'any-address' | 'public-address' | 'refused';
  /** The allowed hosts, in words. */
  readonly listed: string;
}

/**
 * What one attempt came to: `final`; `early` where the host answered and the picture may come yet; `failed` where the host did not do its part.
 * `afterMs`: how long the host wants to be left alone.
 */
export type HttpAnswer =
  | { readonly kind: 'final'; readonly picture: FetchedPicture }
  | { readonly kind: 'early' | 'failed'; readonly picture: FetchedPicture; readonly afterMs?: number };

/** Asks for a picture once, redirects and body included. */
export class HttpAttempts {
  private readonly anyAddress = new Agent();
  // Checked at the moment of connecting, so that a name can't resolve to something else after the check.
  private readonly publicAddresses = new Agent({ connect: { lookup: lookupPublic } });

  constructor(private readonly maxBytes: number) {}

  async get(source: HttpSource, signal: AbortSignal): Promise<HttpAnswer> {
    try {
      return await this.follow(source, signal);
    } catch (error) {
      return failedBy(source, error as Error);
    }
  }

  foreign(source: HttpSource, { host }: URL): FetchedPicture {
    return refused(`host "${host}" is not on the list of allowed hosts: ${source.listed}`);
  }

  /** Connections of an attempt that hangs are cut. */
  async close(): Promise<void> {
    await Promise.all([this.anyAddress.destroy(), this.publicAddresses.destroy()]);
  }

  private async follow(source: HttpSource, signal: AbortSignal): Promise<HttpAnswer> {
    let { url } = source;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const permission = source.permission(url);
      if (permission === 'refused') return final(this.foreign(source, url));
      // A host that may have a private address may send to itself, and to nobody else who has one.
      const isOwn = url.origin === source.url.origin;
      const dispatcher = isOwn && permission === 'any-address' ? this.anyAddress : this.publicAddresses;
      const response = await this.ask(url, dispatcher, signal);
      const location = response.headers['location'];
      if (response.statusCode < 300 || response.statusCode >= 400 || typeof location !== 'string') {
        return this.answerOf(source, response);
      }
      await response.body.dump();
      if (!URL.canParse(location, url.href))
        return final(refused(`"${source.shown}" redirects to "${location}", which is no URL`));
      url = new URL(location, url);
      if (url.protocol !== 'http:' && url.protocol !== 'https:') {
        return final(refused(`"${source.shown}" redirects to "${url.protocol}", expected http: or https:`));
      }
    }
    return final(refused(`"${source.shown}" redirects more than ${MAX_REDIRECTS} times`));
  }

  private async ask(url: URL, dispatcher: Dispatcher, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    // An address is not looked up, so the check of the agent would not see it.
    if (dispatcher === this.publicAddresses && isIP(literal) !== 0 && isPrivateAddress(literal)) {
      throw new PrivateAddressError(literal);
    }
    return request(url, { dispatcher, signal, headers: { accept: 'image/*', 'accept-encoding': 'identity' } });
  }

  private async answerOf({ shown }: HttpSource, response: Dispatcher.ResponseData): Promise<HttpAnswer> {
    const { statusCode, headers, body } = response;
    if (statusCode === 200) {
      const picture = await this.read(shown, response);
      const isPage = picture.outcome === 'fetched' && carriersFault(picture.bytes) !== undefined;
      return isPage ? { kind: 'early', picture } : final(picture);
    }
    await body.dump();
    const picture = unavailable(`"${shown}" answers with status ${statusCode}, expected 200`);
    if (statusCode >= 500 || statusCode === 429 || statusCode === 408) {
      return {
        kind: 'failed',
        picture,
        afterMs: Math.min(retryAfterMs(headers['retry-after']?.toString()), LONGEST_RETRY_AFTER_MS),
      };
    }
    // A store says 403 of what is not there to whom may not list what is.
    return statusCode === 404 || statusCode === 403 ? { kind: 'early', picture } : final(picture);
  }

  private async read(shown: string, { headers, body }: Dispatcher.ResponseData): Promise<FetchedPicture> {
    const { maxBytes } = this;
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
    if (announced <= maxBytes && length <= maxBytes) {
      const encoding = headers['content-encoding'];
      return unpacked(Buffer.concat(parts), typeof encoding === 'string' ? encoding : undefined, maxBytes);
    }
    // The abort is ours: nobody else listens to the error that it makes.
    body.on('error', () => undefined).destroy();
    return refused(`"${shown}" has more than the ${maxBytes} bytes that are accepted`);
  }
}

function final(picture: FetchedPicture): HttpAnswer {
  return { kind: 'final', picture };
}

class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError';

  constructor(readonly address: string) {
    super(`${address} is a private address`);
  }
}

function failedBy({ shown }: HttpSource, error: Error): HttpAnswer {
  const cause = error instanceof PrivateAddressError ? error : error.cause;
  if (cause instanceof PrivateAddressError) {
    return final(refused(`"${shown}" leads to the private address ${cause.address}`));
  }
  const reason = `"${shown}" can't be fetched: ${error.message || String(error)}`;
  const picture: FetchedPicture = error.name === 'TimeoutError' ? { outcome: 'late', reason } : unavailable(reason);
  return { kind: 'failed', picture };
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
