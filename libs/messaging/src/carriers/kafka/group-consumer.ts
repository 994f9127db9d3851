import type { Consumer, Kafka } from 'kafkajs';
import { copartitionAssigner } from './copartition-assigner.js';

/** A kafkajs consumer with the settings every group of the bus has; the group's name appears on the broker exactly as given. */
export function createGroupConsumer(kafka: Kafka, groupId: string, sessionTimeoutMs: number): Consumer {
  return kafka.consumer({
    groupId,
    partitionAssigners: [copartitionAssigner],
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.max(200, Math.floor(sessionTimeoutMs / 6)),
    rebalanceTimeout: Math.max(sessionTimeoutMs, 10_000),
    minBytes: 1,
    maxWaitTimeInMs: 500,
    allowAutoTopicCreation: false,
    retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 2_000 },
  });
}
