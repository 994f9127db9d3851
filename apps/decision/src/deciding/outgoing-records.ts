import { encodeEvent, eventSource, stampEvent, topics, type EncodedEvent, type EventDraft } from '#libs/contracts';
import { layerOf, type DeliveryEvent, type ServiceEvent, type ServiceState } from '#libs/delivery';
import type { OrderSigner } from '#libs/messaging';
import { newTraceparent, type Tracer } from '#libs/platform';

/** Who says it, and how it is known that nobody else does. */
export interface Author {
  readonly controller: string;
  readonly signer: Pick<OrderSigner, 'sign'>;
  readonly tracer: Tracer;
}

/**
 * What the bus is told of decision events: definitions and commands. Ids follow from the decision, so a record that is published twice
 * is recognised as one.
 * @param traceparent trace of what was decided upon; without one a trace begins here
 */
export function outgoingRecords(
  events: readonly DeliveryEvent[],
  author: Author,
  traceparent: string | undefined,
): readonly EncodedEvent[] {
  return encoded(events, draftOf, author, traceparent);
}

function draftOf(event: DeliveryEvent, traceparent: string): EventDraft | undefined {
  const { atMs: timeMs } = event;
  if (event.type === 'defined' || event.type === 'policy-changed') {
    const { experiment, revision, policy } = event.definition;
    const id = `${experiment}-revision-${revision}${policy === undefined ? '' : `-policy-${policy}`}`;
    return {
      type: topics.experimentDefined.name,
      id,
      subject: experiment,
      timeMs,
      traceparent,
      data: event.definition,
    };
  }
  if (!('command' in event)) return undefined;
  const { command } = event;
  const { commandId: id, experiment: subject } = command;
  return { type: topics.allocationCommanded.name, id, subject, timeMs, traceparent, data: command };
}

/**
 * What the bus is told of a service: its baseline and its slots, where they became other ones.
 * @param service after the events
 */
export function outgoingServiceRecords(
  service: ServiceState,
  events: readonly ServiceEvent[],
  author: Author,
  traceparent: string | undefined,
): readonly EncodedEvent[] {
  return encoded(events, (event, trace) => serviceDraftOf(service, event, trace), author, traceparent);
}

/** Whether the bus is told of it. */
export function isToldOfService(event: ServiceEvent): event is ToldServiceEvent {
  return event.type === 'mode-set' ? event.epoch > 0 : event.type === 'baseline-set' || event.type === 'slots-set';
}

type ToldServiceEvent = Extract<ServiceEvent, { readonly type: 'baseline-set' | 'slots-set' | 'mode-set' }>;

function serviceDraftOf(state: ServiceState, event: ServiceEvent, traceparent: string): EventDraft | undefined {
  const { service, baseline, mode } = state;
  // Nobody serves a service that has none.
  if (baseline === null || !isToldOfService(event)) return undefined;
  const { atMs: timeMs, actor: definedBy, epoch } = event;
  const layer = layerOf(state);
  const definedAt = new Date(timeMs).toISOString();
  const deleted = mode === 'deleted' ? { deleted: true as const } : {};
  const data = {
    service,
    baseline,
    epoch,
    definedAt,
    definedBy,
    ...(layer === undefined ? {} : { layer }),
    ...deleted,
  };
  return {
    type: topics.serviceDefined.name,
    id: `${service}-baseline-${epoch}`,
    subject: service,
    timeMs,
    traceparent,
    data,
  };
}

function encoded<Event>(
  events: readonly Event[],
  draft: (event: Event, traceparent: string) => EventDraft | undefined,
  { controller, signer }: Author,
  traceparent = newTraceparent(),
): readonly EncodedEvent[] {
  const source = eventSource('decision', controller);
  return events.flatMap((event) => {
    const drafted = draft(event, traceparent);
    return drafted ? signer.sign(encodeEvent(stampEvent(drafted, source))) : [];
  });
}
