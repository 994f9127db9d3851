import type { DeliveryEvent } from '#libs/delivery';
import { orderAttributes, type Tracer } from '#libs/platform';

interface Deciding {
  /** Of the span itself. */
  readonly traceparent: string;
  /** Of what was decided upon. */
  readonly parent: string | undefined;
  /** Milliseconds since 1970. */
  readonly startMs: number;
}

/** A decision that was written down as a span: the order it led to, if any; what orders nothing is none. */
export function decisionSpan(
  tracer: Tracer,
  { traceparent, parent, startMs }: Deciding,
  events: readonly DeliveryEvent[],
): void {
  if (!tracer.isOn) return;
  const [command] = events.flatMap((event) => ('command' in event ? [event.command] : []));
  if (!command) return;
  const { evidence, actor } = command;
  tracer.record({
    name: `decide ${command.command}`,
    kind: 'internal',
    traceparent,
    parent,
    startMs,
    endMs: Date.now(),
    attributes: {
      ...orderAttributes(command),
      'teststrip.analysis_id': evidence?.analysisId,
      'teststrip.metric': evidence?.metric,
      'teststrip.ln_e': evidence?.lnE,
      'teststrip.actor': actor,
    },
  });
}
