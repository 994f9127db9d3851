import { applyDecorators } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { TopicName } from '#libs/contracts';

/** Marks a handler that gets whole batches. */
export const BATCH = 'teststrip:batch';

/**
 * The method gets a whole `EventBatch` of one partition instead of one event: for facts that are written together with the position.
 * Returning moves the partition on; throwing repeats the same batch after a growing pause.
 *
 * ```ts
 * @BatchEventPattern('request.routed.v1')
 * async record(@Payload() batch: EventBatch<'request.routed.v1'>): Promise<void> {
 *   await this.database.transaction(async (tx) => {
 *     await insertFacts(tx, batch.events.map(({ event }) => event));
 *     await this.positions.write(tx, batch);
 *   });
 * }
 * ```
 */
export function BatchEventPattern(...topics: readonly [TopicName, ...TopicName[]]): MethodDecorator {
  return applyDecorators(EventPattern<string[]>([...topics], { [BATCH]: true }) as MethodDecorator);
}
