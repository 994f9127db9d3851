import { randomUUID } from 'node:crypto';
import { topics, type AllocationCommanded, type TeststripEvent } from '#libs/contracts';
import type { RoutedRequest } from './proxy/proxy.js';

/** `request.routed.v1` of one upstream's part in a request. The id follows from the request: told twice it is one event. */
export function requestRoutedEvent(routed: RoutedRequest, source: string): TeststripEvent<'request.routed.v1'> {
  const { requestId, attempt, service, assignment, upstream, outcome, status, startedAt, durationMs } = routed;
  return {
    specversion: '1.0',
    id: `${topics.requestRouted.name}:${requestId}:${attempt}`,
    source,
    type: topics.requestRouted.name,
    time: new Date().toISOString(),
    subject: assignment?.unit ?? requestId,
    ...(routed.traceparent === undefined ? {} : { traceparent: routed.traceparent }),
    data: { requestId, service, assignment, upstream, outcome, status, startedAt, durationMs },
  };
}

/** `allocation.applied.v1`: what this router did with a command. `refusal` null: it is in force. */
export function allocationAppliedEvent(
  command: AllocationCommanded,
  refusal: string | null,
  router: string,
  source: string,
): TeststripEvent<'allocation.applied.v1'> {
  const now = new Date().toISOString();
  const { commandId, experiment, revision, epoch, weightsPpm, commandedAt } = command;
  return {
    specversion: '1.0',
    id: randomUUID(),
    source,
    type: topics.allocationApplied.name,
    time: now,
    subject: experiment,
    data: {
      commandId,
      experiment,
      revision,
      epoch,
      router,
      outcome: refusal === null ? 'applied' : 'refused',
      reason: refusal,
      weightsPpm,
      commandedAt,
      appliedAt: now,
    },
  };
}
