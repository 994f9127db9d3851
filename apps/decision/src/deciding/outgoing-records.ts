import { encodeEvent, topics, type EncodedEvent } from '#libs/contracts';
import type { DeliveryEvent } from '#libs/delivery';

/**
 * What the bus is told of decision events: definitions and commands. Ids follow from the decision, so a record that is published twice
 * is recognised as one.
 */
export function outgoingRecords(events: readonly DeliveryEvent[], controller: string): readonly EncodedEvent[] {
  return events.flatMap((event) => {
    const source = `teststrip/${controller}`;
    const time = new Date(event.atMs).toISOString();
    if (event.type === 'defined') {
      const { experiment, revision } = event.definition;
      return encodeEvent({
        specversion: '1.0',
        id: `${experiment}-revision-${revision}`,
        source,
        type: topics.experimentDefined.name,
        time,
        subject: experiment,
        data: event.definition,
      });
    }
    if (!('command' in event)) return [];
    return encodeEvent({
      specversion: '1.0',
      id: event.command.commandId,
      source,
      type: topics.allocationCommanded.name,
      time,
      subject: event.command.experiment,
      data: event.command,
    });
  });
}
