import type { EventBus } from './event-bus.js';
import { createKafkaBus, type KafkaBusOptions } from './carriers/kafka/kafka-bus.js';
import { createMemoryBus } from './carriers/memory/memory-bus.js';
import { createPostgresBus, type PostgresBusOptions } from './carriers/postgres/postgres-bus.js';

export type EventBusOptions =
  | { readonly carrier: 'memory' }
  | ({ readonly carrier: 'postgres' } & PostgresBusOptions)
  | ({ readonly carrier: 'kafka' } & KafkaBusOptions);

/** Opens the bus on one of its carriers. */
export async function createEventBus(options: EventBusOptions): Promise<EventBus> {
  switch (options.carrier) {
    case 'memory':
      return createMemoryBus();
    case 'postgres':
      return createPostgresBus(options);
    case 'kafka':
      return createKafkaBus(options);
    default:
      return options satisfies never;
  }
}
