import type { IncomingHttpHeaders } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import type { Outcome } from '#libs/contracts';
import { isModerationError, outcomeOfJson } from './answer-json.js';
import { headerOf } from './request-headers.js';

/** Of a body in which an error may be read; what is longer holds a picture. */
const LARGEST_READ_BYTES = 16 * 1024;

/**
 * What an upstream's complete answer was, told from its status, its headers and, where they are JSON, its first few kilobytes.
 * Nothing is held back for it: the body is read while it passes. In doubt a 2xx is `delivered`.
 */
export class Answer {
  private bytes = 0;
  private kept: Buffer[] | null;

  constructor(
    private readonly status: number,
    private readonly headers: IncomingHttpHeaders,
  ) {
    this.kept = isJson(headers) || isEventStream(headers) ? [] : null;
  }

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.kept === null) return;
    this.kept.push(chunk);
    if (this.bytes <= LARGEST_READ_BYTES) return;
    // A stream tells at its end how it went.
    this.kept = isEventStream(this.headers) ? [Buffer.concat(this.kept).subarray(-LARGEST_READ_BYTES)] : null;
  }

  outcome(): Outcome {
    const { status, headers } = this;
    const byStatus = outcomeOfStatus(status, headers);
    if (byStatus === 'caller-error') {
      const said = this.json();
      return said !== null && isModerationError(said) ? 'filtered' : 'caller-error';
    }
    if (byStatus !== 'delivered') return byStatus;
    if (headerOf(headers, 'finish-reason') === 'CONTENT_FILTERED') return 'filtered';
    // Accepted, or made elsewhere: the answer itself need not hold anything.
    const isElsewhere = status === 202 || headers.location !== undefined || headers['content-location'] !== undefined;
    if (this.bytes === 0 && !isElsewhere) return 'failed-inside-2xx';
    if (/^text\/html|^application\/(xhtml|problem)\+/i.test(headerOf(headers, 'content-type') ?? '')) {
      return 'failed-inside-2xx';
    }
    const said = this.json();
    const inBody = said === null ? null : outcomeOfJson(said);
    return inBody ?? (isFromCache(headers) ? 'cached' : 'delivered');
  }

  /** Null: it is none, or too long for an error. */
  private json(): string | null {
    if (this.kept === null || this.bytes === 0) return null;
    const text = textOf(Buffer.concat(this.kept), headerOf(this.headers, 'content-encoding'));
    return text !== null && isEventStream(this.headers) ? lastEventOf(text) : text;
  }
}

/** What status and headers alone say. */
export function outcomeOfStatus(status: number, headers: IncomingHttpHeaders): Outcome {
  if (status >= 200 && status < 300) return 'delivered';
  if (status === 304) return 'cached';
  if (status === 429) return 'refused';
  if (status === 503 && headers['retry-after'] !== undefined) return 'refused';
  if (status === 504) return 'timed-out';
  if (status === 451) return 'filtered';
  // Nobody follows a redirect of a POST to a picture: what leads elsewhere (a login, another address) delivers nothing.
  return status >= 400 && status < 500 ? 'caller-error' : 'server-error';
}

/** RFC 9211 (`Cache-Status`), RFC 9111 (`Age`), and what nginx, Varnish and the large networks say. */
function isFromCache(headers: IncomingHttpHeaders): boolean {
  if (Number(headers.age) > 0) return true;
  if (/;\s*hit\b/i.test(headerOf(headers, 'cache-status') ?? '')) return true;
  return ['x-cache', 'x-cache-status', 'cf-cache-status'].some((name) =>
    /^(tcp_)?(mem_)?hit\b/i.test(headerOf(headers, name) ?? ''),
  );
}

function isJson(headers: IncomingHttpHeaders): boolean {
  return /^application\/([\w.-]+\+)?json\b/i.test(headerOf(headers, 'content-type') ?? '');
}

function isEventStream(headers: IncomingHttpHeaders): boolean {
  return /^text\/event-stream\b/i.test(headerOf(headers, 'content-type') ?? '');
}

/** The last `data:` of a stream of events that is no end mark; null where there is none. */
function lastEventOf(text: string): string | null {
  const events = text
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim());
  return events.filter((data) => data !== '[DONE]').at(-1) ?? null;
}

/** Null for what can't be decoded, or says more than can be read here. */
function textOf(body: Buffer, encoding: string | undefined): string | null {
  const limit = { maxOutputLength: 8 * LARGEST_READ_BYTES };
  try {
    switch (encoding?.toLowerCase()) {
      case undefined:
      case 'identity':
        return body.toString('utf8');
      case 'gzip':
        return gunzipSync(body, limit).toString('utf8');
      case 'deflate':
        return inflateSync(body, limit).toString('utf8');
      case 'br':
        return brotliDecompressSync(body, limit).toString('utf8');
      default:
        return null;
    }
  } catch {
    return null;
  }
}
