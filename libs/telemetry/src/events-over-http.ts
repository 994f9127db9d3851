import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { EncodedEvent } from '#libs/contracts';
import { EventsRefusedError, type Publish } from './event-buffer.js';

export interface EventsOverHttpOptions {
  /** Of the reports service, e.g. `https://teststrip.example.com`. */
  readonly url: string;
  /** Of somebody with the role `reporter` on the service; undefined where none is needed (`AUTH=off`). */
  readonly token?: string | undefined;
  /** How long an answer may take. Default 15 s. */
  readonly answerWithinMs?: number;
}

/** What is answered to a batch, as far as it is read here. */
interface BatchAnswer {
  readonly detail?: string;
  readonly events?: readonly { readonly id: string | null; readonly status: number; readonly detail?: string }[];
}

/** An experiment that is not recorded yet: it may be by the next attempt. */
const NOT_YET = 404;
const TOO_LARGE = 413;

const packed = promisify(gzip) as (text: string) => Promise<Buffer>;

/**
 * Publishes by `POST /v1/events`, in place of a bus: for services that have no client of one.
 * ```ts
 * createTelemetry({ bus: eventsOverHttp({ url, token }), service, source });
 * ```
 */
export function eventsOverHttp({ url, token, answerWithinMs = 15_000 }: EventsOverHttpOptions): {
  readonly publish: Publish;
} {
  const address = new URL('/v1/events', url);
  return {
    async publish(records) {
      const response = await asked(address, {
        method: 'POST',
        headers: {
          'content-type': 'application/cloudevents-batch+json',
          'content-encoding': 'gzip',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: await packed(`[${records.map(structured).join(',')}]`),
        signal: AbortSignal.timeout(answerWithinMs),
      });
      const answer = (await response.json().catch(() => ({}))) as BatchAnswer;
      if (response.status !== 202) throw failureOf(response.status, answer);
    },
  };
}

/** @throws Error that says why there was no answer: `fetch` itself says no more than that it failed */
async function asked(address: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(address, request);
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : undefined;
    throw new Error(`POST ${address.href}: ${why ?? message}`, { cause: error });
  }
}

/** The structured mode of CloudEvents; the data are the bytes that were encoded. */
function structured({ headers, value }: EncodedEvent): string {
  const attributes = Object.entries(headers).flatMap(([name, text]) =>
    name.startsWith('ce_') ? [`${JSON.stringify(name.slice(3))}:${JSON.stringify(text)}`] : [],
  );
  return `{${attributes.join(',')},"data":${value.toString()}}`;
}

function failureOf(status: number, { detail = '', events = [] }: BatchAnswer): Error {
  const refused = events.filter((one) => one.status !== 202);
  if (status === 207 && !refused.some((one) => one.status === NOT_YET)) {
    return new EventsRefusedError(refused.map(({ id, detail: why = '' }) => ({ id: id ?? 'unknown', why })));
  }
  const [first] = refused;
  const why = new Error(`${status} ${detail || (first?.detail ?? '')}`.trim());
  // Each alone may be small enough.
  return status === TOO_LARGE ? Object.assign(why, { name: 'RecordRefusedError' }) : why;
}
