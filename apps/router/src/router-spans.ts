import type { AllocationCommanded } from '#libs/contracts';
import { orderAttributes, type Tracer } from '#libs/platform';
import type { RoutedRequest } from './proxy/routed-request.js';

/** One upstream's part in a request, as a span: the first one's is the router's, which those asked after it belong to. */
export function requestSpan(tracer: Tracer, routed: RoutedRequest): void {
  if (!tracer.isOn) return;
  const { traceparent, cause, attempt, service, assignment, outcome, status, startedAt, requestId, upstream } = routed;
  const isFirst = attempt === 0;
  tracer.record({
    name: isFirst ? `request ${service}` : `request ${service}, asked again`,
    kind: 'server',
    traceparent: isFirst ? traceparent : tracer.child(traceparent),
    parent: isFirst ? cause?.traceparent : traceparent,
    tracestate: cause?.tracestate,
    startMs: Date.parse(startedAt),
    endMs: Date.now(),
    attributes: {
      'http.response.status_code': status,
      'server.address': upstream,
      'teststrip.request_id': requestId,
      'teststrip.experiment': assignment?.experiment,
      'teststrip.variant': assignment?.variant,
      'teststrip.epoch': assignment?.epoch,
      'teststrip.outcome': outcome,
    },
    ...(outcome === 'server-error' || outcome === 'timed-out' ? { failure: outcome } : {}),
  });
}

interface Answered {
  /** Trace context of the command. */
  readonly ordered: string | undefined;
  /** Why it is not obeyed; null: it is in force. */
  readonly refusal: string | null;
}

/**
 * What became of an order, as a span from when it was given.
 * @returns the trace context of the answer
 */
export function answerSpan(
  tracer: Tracer,
  command: AllocationCommanded,
  { ordered, refusal }: Answered,
): string | undefined {
  if (!tracer.isOn || ordered === undefined) return ordered;
  const traceparent = tracer.child(ordered);
  tracer.record({
    name: refusal === null ? `apply ${command.command}` : `refuse ${command.command}`,
    kind: 'consumer',
    traceparent,
    parent: ordered,
    startMs: Date.parse(command.commandedAt),
    endMs: Date.now(),
    attributes: orderAttributes(command),
    ...(refusal === null ? {} : { failure: refusal }),
  });
  return traceparent;
}
