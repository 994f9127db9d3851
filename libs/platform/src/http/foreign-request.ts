import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from './loopback.js';
import { ProblemException } from './problem.js';

/** By which names browsers may ask for a server. */
export interface BrowserRules {
  /** Address that it listens on. */
  readonly host: string;
  /** Host names, with their ports where they have one. */
  readonly allowedHosts: readonly string[];
}

const READS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Why a request is refused that a browser sends for somebody else; undefined where it is none. A page that has its own name resolve to this
 * machine (DNS rebinding) asks for a name that is not ours; a page of another site that sends a change names itself in `Origin`.
 */
export function foreignRequest(request: IncomingMessage, rules: BrowserRules): ProblemException | undefined {
  const { host = '', origin } = request.headers;
  if (!isOurName(host, rules)) {
    request.resume();
    const detail = `host: ${host}: no name of this server; add it to ALLOWED_HOSTS, or ask for an address`;
    return new ProblemException({ title: 'Another host', status: 403, detail });
  }
  if (READS.has(request.method)) return undefined;
  if (origin === undefined && isOwnSite(request.headers['sec-fetch-site'])) return undefined;
  if (origin !== undefined && isOwnOrigin(origin, host, rules)) return undefined;
  request.resume();
  const detail = `origin: ${origin ?? '(another site)'}: expected the page's own, http(s)://${host}`;
  return new ProblemException({ title: 'Sent by another site', status: 403, detail });
}

/** An address can't be made to mean another machine; a name can, and on loopback nobody else has one for us. */
function isOurName(host: string, { host: listensOn, allowedHosts }: BrowserRules): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (['', 'localhost', listensOn].includes(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0) return true;
  if (allowedHosts.length === 0) return !isLoopback(listensOn);
  return isListed(host, allowedHosts);
}

function isOwnOrigin(origin: string, host: string, { allowedHosts }: BrowserRules): boolean {
  const asked = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return asked !== undefined && (asked.toLowerCase() === host.toLowerCase() || isListed(asked, allowedHosts));
}

function isListed(host: string, allowedHosts: readonly string[]): boolean {
  const asked = host.toLowerCase();
  return allowedHosts.some((allowed) => [asked, asked.replace(/:\d+$/, '')].includes(allowed.toLowerCase()));
}

/** What browsers say of who sends a request; other clients say nothing. */
function isOwnSite(said: string | string[] | undefined): boolean {
  return said === undefined || said === 'same-origin' || said === 'none';
}
