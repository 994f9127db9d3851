import type { Tracer } from '#libs/platform';
import type { GenerationEvent, PictureOutcome } from './scored-event.js';

interface Scoring {
  readonly outcome: PictureOutcome;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * The scoring of one picture as a span.
 * @returns its trace context; undefined where the generation has none
 */
export function scoreSpan(
  tracer: Tracer,
  event: GenerationEvent,
  { outcome, startMs, endMs }: Scoring,
): string | undefined {
  const { traceparent: parent, tracestate, data } = event;
  if (parent === undefined) return undefined;
  const traceparent = tracer.child(parent);
  tracer.record({
    name: `score ${data.service}`,
    kind: 'consumer',
    traceparent,
    parent,
    tracestate,
    startMs,
    endMs,
    attributes: {
      'teststrip.request_id': data.requestId,
      'teststrip.experiment': data.assignment?.experiment,
      'teststrip.variant': data.assignment?.variant,
      'teststrip.outcome': outcome.outcome,
    },
  });
  return traceparent;
}
