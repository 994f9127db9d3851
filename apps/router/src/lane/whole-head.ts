import type { IncomingHttpHeaders } from 'node:http';

/** A head that can be read in one way only, and what it says of the request behind it. */
export interface WholeHead {
  readonly method: string;
  /** With its query, as it was written. */
  readonly url: string;
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value …, as they were written. */
  readonly rawHeaders: string[];
  readonly httpVersion: string;
  /** Undefined: it says nothing of a body, so there is none. */
  readonly bodyBytes: number | undefined;
}

/** Lines of visible ASCII and blanks, none of them empty, each ended by CR LF. */
const LINES = /^[\x20-\x7e]+(?:\r\n[\x20-\x7e]+)*$/;
const REQUEST_LINE =
  /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/[A-Za-z0-9\-._~:/?@!$&'()*+,;=%[\]]*) HTTP\/1\.1(?:\r\n|$)/;
const NAME = /^[A-Za-z0-9-]+$/;
const PLAIN_HOST = /^[A-Za-z0-9.-]+(?::\d{1,5})?$/;
const LENGTH = /^(?:0|[1-9]\d{0,4})$/;
const BLANK = 32;

/** What changes how a request is read, or how its connection is used. */
const UNUSUAL = new Set(['transfer-encoding', 'upgrade', 'expect', 'trailer', 'proxy-connection']);

/**
 * Reads a head without the empty line behind it: names and values of visible ASCII, each name once, one plain host, a length of digits if there is one, nothing that changes
 * how the request is read.
 * @returns undefined for everything else, be it right or wrong: who knows all of HTTP reads it
 */
export function readWholeHead(text: string): WholeHead | undefined {
  if (!LINES.test(text)) return undefined;
  const [line, method, url] = REQUEST_LINE.exec(text) ?? [];
  if (line === undefined || method === undefined || url === undefined) return undefined;
  const rawHeaders: string[] = [];
  const headers = readFields(text, line.length, rawHeaders);
  if (headers === undefined) return undefined;
  const { host, connection, 'content-length': length } = headers;
  if (host === undefined || !PLAIN_HOST.test(host)) return undefined;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  if (length !== undefined && !LENGTH.test(length)) return undefined;
  const bodyBytes = length === undefined ? undefined : Number(length);
  return { method, url, headers, rawHeaders, httpVersion: '1.1', bodyBytes };
}

/** @returns by name, what stands there once; undefined where something is unusual */
function readFields(text: string, from: number, rawHeaders: string[]): IncomingHttpHeaders | undefined {
  const headers: Record<string, string> = {};
  for (let at = from; at < text.length;) {
    const found = text.indexOf('\r\n', at);
    const end = found === -1 ? text.length : found;
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon >= end) return undefined;
    const written = text.slice(at, colon);
    const value = valueIn(text, colon + 1, end);
    const name = written.toLowerCase();
    if (!NAME.test(written) || value === undefined || UNUSUAL.has(name) || headers[name] !== undefined)
      return undefined;
    headers[name] = value;
    rawHeaders.push(written, value);
    at = end + 2;
  }
  return headers;
}

/** Behind at most one blank, and with none at its ends. */
function valueIn(text: string, at: number, end: number): string | undefined {
  const from = text.charCodeAt(at) === BLANK ? at + 1 : at;
  if (from >= end || text.charCodeAt(from) === BLANK || text.charCodeAt(end - 1) === BLANK) return undefined;
  return text.slice(from, end);
}
