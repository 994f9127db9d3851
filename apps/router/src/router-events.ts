import { randomUUID } from 'node:crypto';
import {
  isoTime,
  NOT_ASKED,
  stampEvent,
  topics,
  type AllocationCommanded,
  type Assignment,
  type EventDraft,
  type RouterHeartbeat,
  type TeststripEvent,
} from '#libs/contracts';
import type { RoutedRequest } from './proxy/routed-request.js';

/** `request.routed.v1` of one upstream's part in a request. The id follows from the request: told twice it is one event. */
export function requestRoutedEvent(routed: RoutedRequest, source: string): TeststripEvent<'request.routed.v1'> {
  const { requestId, attempt, service, assignment, slot, unit, upstream, instance } = routed;
  const { outcome, status, startedAt, durationMs, waitedMs, clientMs } = routed;
  const draft: EventDraft<'request.routed.v1'> = {
    type: topics.requestRouted.name,
    id: `${topics.requestRouted.name}:${requestId}:${attempt}`,
    timeMs: Date.now(),
    subject: assignment?.unit ?? unit ?? requestId,
    traceparent: routed.traceparent,
    tracestate: routed.cause?.tracestate,
    data: {
      requestId,
      service,
      assignment,
      ...(slot === undefined ? {} : { slot }),
      upstream,
      ...(instance === undefined ? {} : { instance }),
      outcome,
      status,
      startedAt,
      durationMs,
      waitedMs,
      ...(assignment?.pair === undefined ? {} : { clientMs }),
    },
  };
  return stampEvent(draft, source);
}

interface ExposureFacts {
  /** Told twice it is one. */
  readonly id: string;
  readonly service: string;
  readonly assignment: Assignment;
  readonly atMs: number;
}

/** An application was told the parameters of a feature: whom it asked for has met the variant, and no service was asked anything. */
export function exposureEvent(
  { id: requestId, service, assignment, atMs }: ExposureFacts,
  source: string,
): TeststripEvent<'request.routed.v1'> {
  const draft: EventDraft<'request.routed.v1'> = {
    type: topics.requestRouted.name,
    id: `${topics.requestRouted.name}:${requestId}:0`,
    timeMs: atMs,
    subject: assignment.unit,
    data: {
      requestId,
      service,
      assignment,
      upstream: NOT_ASKED,
      outcome: 'exposed',
      status: null,
      startedAt: isoTime(atMs),
      durationMs: null,
      waitedMs: null,
    },
  };
  return stampEvent(draft, source);
}

/** `router.heartbeat.v1`: it is alive, and how far it follows. */
export function routerHeartbeatEvent(
  data: Omit<RouterHeartbeat, 'at'>,
  source: string,
): TeststripEvent<'router.heartbeat.v1'> {
  const timeMs = Date.now();
  const draft: EventDraft<'router.heartbeat.v1'> = {
    type: topics.routerHeartbeat.name,
    id: randomUUID(),
    timeMs,
    subject: data.router,
    data: { ...data, at: new Date(timeMs).toISOString() },
  };
  return stampEvent(draft, source);
}

/** What a router made of a command. */
export interface CommandAnswer {
  readonly command: AllocationCommanded;
  /** Why it is not obeyed; null: it is in force. */
  readonly refusal: string | null;
  /** Trace of the command. */
  readonly traceparent: string | undefined;
}

/** `allocation.applied.v1`: what this router did with a command. */
export function allocationAppliedEvent(
  { command, refusal, traceparent }: CommandAnswer,
  router: string,
  source: string,
): TeststripEvent<'allocation.applied.v1'> {
  const { commandId, experiment, revision, epoch, weightsPpm, commandedAt } = command;
  const timeMs = Date.now();
  const draft: EventDraft<'allocation.applied.v1'> = {
    type: topics.allocationApplied.name,
    id: randomUUID(),
    timeMs,
    subject: experiment,
    traceparent,
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
      appliedAt: new Date(timeMs).toISOString(),
    },
  };
  return stampEvent(draft, source);
}
