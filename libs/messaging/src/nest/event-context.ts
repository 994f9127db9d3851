import { BaseRpcContext } from '@nestjs/microservices';
import type { IncomingRecord, RecordBatch } from '../event-bus.js';

/** What a handler may ask for with `@Ctx()`: where the event lies. For a batch handler `record` is the first one. */
export class EventContext extends BaseRpcContext<[IncomingRecord, RecordBatch]> {
  get record(): IncomingRecord {
    return this.getArgByIndex(0) as IncomingRecord;
  }

  get batch(): RecordBatch {
    return this.getArgByIndex(1) as RecordBatch;
  }
}
