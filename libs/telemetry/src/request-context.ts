import { randomUUID } from 'node:crypto';
import {
  ASSIGNMENT_HEADER,
  ASSIGNMENT_SIGNATURE_HEADER,
  assignmentOfRequest,
  decodeAssignment,
  REQUEST_ID_HEADER,
  TRACEPARENT,
  type Assignment,
} from '#libs/contracts';

/** What proxies that don't know the router's header call the request's id. */
const PROXY_ID_HEADER = 'x-request-id';

/** What the router said about a request: its id and the assignment it runs under. */
export interface RequestContext {
  readonly requestId: string;
  /** null: the request belongs to no experiment, or did not come through the router. */
  readonly assignment: Assignment | null;
  /** The assignment as it came, with what its sender signed it with: for whoever has the key to check. Absent: it was not signed. */
  readonly signed?: { readonly encoded: string; readonly signature: string };
  /** W3C trace context that the request belongs to; goes on with its events. */
  readonly traceparent?: string;
  /** W3C trace state that came with it. */
  readonly tracestate?: string;
}

/** Headers as `node:http` (a record) or `fetch` (a `Headers`) give them. */
export type RequestHeaders =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null };

/**
 * Reads the router's headers. Never throws: an assignment that can't be read is null and told to `onMalformed`;
 * a request without an id gets one.
 */
export function readRequestContext(headers: RequestHeaders, onMalformed?: (message: string) => void): RequestContext {
  const requestId = headerOf(headers, REQUEST_ID_HEADER) ?? headerOf(headers, PROXY_ID_HEADER) ?? randomUUID();
  const traced = contextOfTrace(headers);
  const encoded = headerOf(headers, ASSIGNMENT_HEADER);
  if (encoded === undefined) return { requestId, assignment: null, ...traced };
  const signature = headerOf(headers, ASSIGNMENT_SIGNATURE_HEADER);
  try {
    const assignment = assignmentOfRequest(decodeAssignment(encoded), requestId);
    return { requestId, assignment, ...(signature === undefined ? {} : { signed: { encoded, signature } }), ...traced };
  } catch (error) {
    onMalformed?.(`header ${ASSIGNMENT_HEADER} of request ${requestId} is no assignment: ${(error as Error).message}`);
    return { requestId, assignment: null, ...traced };
  }
}

function contextOfTrace(headers: RequestHeaders): Pick<RequestContext, 'traceparent' | 'tracestate'> {
  const traceparent = headerOf(headers, 'traceparent');
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return {};
  const tracestate = headerOf(headers, 'tracestate');
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = isFetchHeaders(headers) ? headers.get(name) : headers[name];
  const first = typeof value === 'string' || value === null || value === undefined ? value : value[0];
  return first === null || first === undefined || first === '' ? undefined : first;
}

function isFetchHeaders(headers: RequestHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function';
}
