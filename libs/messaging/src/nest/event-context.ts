import { BaseRpcContext } from '@nestjs/microservices';
import type { EventBatch } from '../consume/decode.js';
import type { IncomingRecord } from '../event-bus.js';

/** What a handler may ask for with `@Ctx()`: the record that carried the event, and the batch it came in. */
export class EventContext extends BaseRpcContext<[IncomingRecord | undefined, EventBatch]> {
  /** Of a batch handler, the record of the first event; undefined where a batch has none. */
  get record(): IncomingRecord | undefined {
    return this.getArgByIndex(0) as IncomingRecord | undefined;
  }

  get batch(): EventBatch {
    return this.getArgByIndex(1) as EventBatch;
  }
}
