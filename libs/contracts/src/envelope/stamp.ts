import type { DataOf, TopicName } from '../events/topics.js';
import type { TeststripEvent } from './encode.js';

/** An event before it is stamped. */
export type EventDraft<T extends TopicName = TopicName> = {
  [Name in T]: {
    /** The topic. */
    readonly type: Name;
    /** The partition key: the unit or the experiment. */
    readonly subject: string;
    readonly data: DataOf<Name>;
    /** Follows from the cause where a repetition must be recognised as one. */
    readonly id: string;
    /** When it happened, milliseconds since the epoch. */
    readonly timeMs: number;
    /** W3C trace context of what caused it, passed on as it is. */
    readonly traceparent?: string | undefined;
    /** W3C trace state that came with it, passed on as it is. */
    readonly tracestate?: string | undefined;
  };
}[T];

/**
 * CloudEvents `source` of everything that one process of an application publishes: `/teststrip/<application>/<instance>`.
 * @param instance what tells it from other processes of the application
 */
export function eventSource(application: string, instance: string): string {
  return `/teststrip/${encodeURIComponent(application)}/${encodeURIComponent(instance)}`;
}

let lastMs = Number.NaN;
let lastTime = '';

/** ISO 8601 in UTC. Thousands of events a second ask for the same few times. */
export function isoTime(timeMs: number): string {
  if (timeMs === lastMs) return lastTime;
  lastTime = new Date(timeMs).toISOString();
  lastMs = timeMs;
  return lastTime;
}

/** Puts the CloudEvents attributes on an event. Every event of the system comes out of here. */
export function stampEvent<T extends TopicName>(draft: EventDraft<T>, source: string): TeststripEvent<T> {
  const { type, subject, data, id, timeMs, traceparent, tracestate } = draft;
  return {
    specversion: '1.0',
    id,
    source,
    type,
    time: isoTime(timeMs),
    subject,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
    data,
  } as TeststripEvent<T>;
}
