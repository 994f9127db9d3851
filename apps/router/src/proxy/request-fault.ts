import type { IncomingRequest } from './client-answer.js';

/** What is answered instead of an upstream's answer. */
export interface Refusal {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

/** No name, port or address has them (RFC 3986 §3.2.2): who reads such a host might read another one than we do. */
const NOT_IN_HOST = /[\s/\\@?#,]/;

/**
 * Why a request is not taken as it is: whom it asks, or where it ends, could be read in two ways, and whoever is behind the router might read it in
 * the other one. undefined: nothing is wrong with it.
 */
export function faultOf({ headers, rawHeaders, httpVersion }: IncomingRequest): Refusal | undefined {
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    const detail = `Transfer-Encoding "${coding}": expected "chunked" alone`;
    return { title: 'Unknown transfer coding', status: 501, detail };
  }
  if (coding !== undefined && httpVersion === '1.0') {
    return { title: 'Bad request', status: 400, detail: 'Transfer-Encoding in HTTP/1.0: expected Content-Length' };
  }
  if (hostsIn(rawHeaders) > 1) return { title: 'Bad request', status: 400, detail: 'expected one Host header' };
  if (headers.host !== undefined && NOT_IN_HOST.test(headers.host)) {
    return { title: 'Bad request', status: 400, detail: 'Host: expected a name and a port' };
  }
  return undefined;
}

function hostsIn(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}
