import { Logger } from '@nestjs/common';
import type { FailedAttempt } from '../event-bus.js';

const logger = new Logger('event-bus');

/** Says that a batch failed and when it is tried again. */
export function logFailure(
  group: string,
  failure: FailedAttempt & { readonly attempt: number; readonly retryInMs: number },
): void {
  const { topic, partition, offset, attempt, retryInMs, reason } = failure;
  logger.warn(
    `${group}: ${topic}/${partition} at offset ${offset} failed (attempt ${attempt}), next attempt in ${retryInMs} ms: ${reason}`,
  );
}
