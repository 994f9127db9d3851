import { encodeEvent, eventSource, stampEvent, topics, type EncodedEvent, type EventDraft } from '#libs/contracts';
import type { DeliveryEvent, ServiceEvent } from '#libs/delivery';
import { newTraceparent } from '#libs/messaging';

/**
 * What the bus is told of decision events: definitions and commands. Ids follow from the decision, so a record that is published twice
 * is recognised as one.
 * @param traceparent trace of what was decided upon; without one a trace begins here
 */
export function outgoingRecords(
  events: readonly DeliveryEvent[],
  controller: string,
  traceparent: string | undefined,
): readonly EncodedEvent[] {
  return encoded(events, draftOf, controller, traceparent);
}

function draftOf(event: DeliveryEvent, traceparent: string): EventDraft | undefined {
  const { atMs: timeMs } = event;
  if (event.type === 'defined') {
    const { experiment, revision } = event.definition;
    const id = `${experiment}-revision-${revision}`;
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

/** What the bus is told of a service: its baseline, where it became another one. */
export function outgoingServiceRecords(
  service: string,
  events: readonly ServiceEvent[],
  controller: string,
  traceparent: string | undefined,
): readonly EncodedEvent[] {
  return encoded(events, (event, trace) => baselineDraftOf(service, event, trace), controller, traceparent);
}

function baselineDraftOf(service: string, event: ServiceEvent, traceparent: string): EventDraft | undefined {
  if (event.type !== 'baseline-set') return undefined;
  const { atMs: timeMs, actor: definedBy, baseline, epoch } = event;
  const data = { service, baseline, epoch, definedAt: new Date(timeMs).toISOString(), definedBy };
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
  controller: string,
  traceparent = newTraceparent(),
): readonly EncodedEvent[] {
  const source = eventSource('decision', controller);
  return events.flatMap((event) => {
    const drafted = draft(event, traceparent);
    return drafted ? encodeEvent(stampEvent(drafted, source)) : [];
  });
}
