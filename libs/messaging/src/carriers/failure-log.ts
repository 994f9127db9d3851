import { Logger } from '@nestjs/common';
import type { HandlerFailure } from './partition-consumer.js';

const logger = new Logger('event-bus');

/** Says that a batch failed and when it is tried again. */
export function logFailure(group: string, failure: HandlerFailure): void {
  const { topic, partition, offset, attempt, retryInMs, error } = failure;
  const reason = error instanceof Error ? error.message : describe(error);
  logger.warn(
    `${group}: ${topic}[${partition}] at offset ${offset} failed (attempt ${attempt}), again in ${retryInMs} ms: ${reason}`,
  );
}

function describe(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : JSON.stringify(error);
}
