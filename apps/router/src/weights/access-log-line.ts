import {
  assignmentOfRequest,
  decodeAssignment,
  isNameless,
  isoTime,
  LONGEST_INSTANCE,
  parsedJson,
  TRACEPARENT,
  type Assignment,
  type Outcome,
} from '#libs/contracts';
import { z } from 'zod';
import { outcomeOfStatus } from '../proxy/answer.js';
import type { RoutedRequest } from '../proxy/routed-request.js';

/** Beyond it a time is no date that everybody can read, and `toISOString` may throw. */
const YEAR_9999_S = 253_402_300_799;
/** A year: no request takes as long. */
const LONGEST_REQUEST_S = 31_536_000;

/** What a proxy writes of one request, all of it as text: the formats that Teststrip gives nginx and Envoy. */
const line = z.object({
  service: z.string().min(1),
  requestId: z.string().min(1).max(256),
  method: z.string(),
  /** Seconds since the epoch, with milliseconds. */
  endedAt: z.coerce.number().positive().max(YEAR_9999_S),
  /** From the first byte of the request to the last one sent. */
  seconds: z.coerce.number().min(0).max(LONGEST_REQUEST_S),
  status: z.coerce.number().int(),
  /** `OK` where all of the answer was sent. */
  completion: z.string(),
  bytes: z.coerce.number().min(0),
  assignment: z.string(),
  upstream: z.string(),
  instance: z.string().default(''),
  contentType: z.string().default(''),
  retryAfter: z.string().default(''),
  cache: z.string().default(''),
  traceparent: z.string().default(''),
});
type Line = z.infer<typeof line>;

/** Envoy says when a request began, how long it took and what went wrong, and leaves out what it does not know. */
const envoyLine = z
  .object({
    beganAt: z.coerce.number().positive(),
    milliseconds: z.coerce.number().min(0),
    flags: z.string().nullish(),
  })
  .loose();

/** Downstream closed the connection. */
const CLIENT_LEFT = /\bDC\b/;

/** In the words of {@link line}. */
function likeNginx(read: unknown): unknown {
  const { success, data } = envoyLine.safeParse(read);
  if (!success) return read;
  const { beganAt, milliseconds, flags, ...rest } = data;
  const known = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== '-'));
  const seconds = milliseconds / 1000;
  const isWhole = flags === null || flags === undefined || flags === '-';
  const closed = CLIENT_LEFT.test(flags ?? '') ? { status: CLIENT_CLOSED } : {};
  return { assignment: '', ...known, endedAt: beganAt + seconds, seconds, completion: isWhole ? 'OK' : '', ...closed };
}

/** nginx: the client closed the connection before there was an answer. */
const CLIENT_CLOSED = 499;

export type ReadLine = Omit<RoutedRequest, 'traceparent'> & { readonly traceparent: string | undefined };

/**
 * One line of an access log as the request that it tells of; undefined for what is none of ours, and for requests that make no picture.
 * A proxy's log does not hold bodies: an error inside a 2xx reads as delivered, and an answer that broke off as the server's error, whoever broke it off.
 */
export function readLogLine(text: string): ReadLine | undefined {
  const parsed = line.safeParse(likeNginx(parsedJson(text)));
  if (!parsed.success || parsed.data.method !== 'POST') return undefined;
  const { service, requestId, seconds, upstream, instance, traceparent } = parsed.data;
  const assignment = assignmentIn(parsed.data);
  if (assignment === undefined) return undefined;
  const { outcome, status } = endOf(parsed.data);
  const durationMs = seconds * 1000;
  const isComplete = outcome !== 'timed-out' && outcome !== 'cancelled' && parsed.data.completion === 'OK';
  return {
    judged: true,
    requestId,
    attempt: 0,
    service,
    assignment,
    unitName: assignment === null ? null : 'named',
    upstream,
    startedAt: startOf(parsed.data),
    traceparent: TRACEPARENT.test(traceparent) ? traceparent : undefined,
    outcome,
    status,
    durationMs: isComplete ? durationMs : null,
    waitedMs: outcome === 'cancelled' ? durationMs : null,
    clientMs: 0,
    instance: instance === '' ? undefined : instance.slice(0, LONGEST_INSTANCE),
  };
}

/** null: nobody was drawn. undefined: it can't be read, or says more than a proxy was told to write. */
function assignmentIn(read: Line): Assignment | null | undefined {
  const { assignment: text, requestId } = read;
  if (text === '' || text === '-') return null;
  try {
    if (isWrittenInto(text)) return undefined;
    const assignment = assignmentOfRequest(decodeAssignment(text), requestId);
    return isNameless(assignment.unit) ? undefined : { assignedAt: startOf(read), ...assignment };
  } catch {
    return undefined;
  }
}

/** No time is before 1970. */
function startOf({ endedAt, seconds }: Line): string {
  return isoTime(Math.max(0, endedAt - seconds) * 1000);
}

/**
 * Envoy fills in the id of the request as it is, and some let clients choose it: `a%22%2C%22variant%22%3A%22candidate` would say a second variant, and JSON
 * takes the last one.
 */
function isWrittenInto(text: string): boolean {
  const told = decodeURIComponent(text);
  return JSON.stringify(JSON.parse(told)) !== told;
}

function endOf(read: Line): { readonly outcome: Outcome; readonly status: number | null } {
  const { status, completion, bytes, contentType, retryAfter, cache } = read;
  if (status === CLIENT_CLOSED || status < 100 || status > 599) return { outcome: 'cancelled', status: null };
  if (status === 504) return { outcome: 'timed-out', status };
  if (completion !== 'OK') return { outcome: 'server-error', status };
  const outcome = outcomeOfStatus(status, retryAfter === '' || retryAfter === '-' ? {} : { 'retry-after': retryAfter });
  if (outcome !== 'delivered') return { outcome, status };
  const isEmpty = bytes === 0 && status !== 202;
  if (isEmpty || /^text\/html|^application\/(xhtml|problem)\+/i.test(contentType))
    return { outcome: 'failed-inside-2xx', status };
  return { outcome: cache === 'HIT' ? 'cached' : 'delivered', status };
}
