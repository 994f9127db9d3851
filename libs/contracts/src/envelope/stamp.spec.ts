import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent } from './encode.js';
import { eventSource, stampEvent, type EventDraft } from './stamp.js';

const heartbeat = {
  type: 'controller.heartbeat.v1' as const,
  id: 'beat-1',
  subject: 'controller-1',
  timeMs: Date.parse('2026-11-20T10:15:31.250Z'),
  data: { controller: 'controller-1', at: '2026-11-20T10:15:31.250Z', running: [] },
} satisfies EventDraft<'controller.heartbeat.v1'>;

describe('the stamp of an event', () => {
  it('names application and instance in one form of source', () => {
    expect(eventSource('router', 'router-1')).toBe('/teststrip/router/router-1');
    expect(eventSource('inference', 'eu/west 1')).toBe('/teststrip/inference/eu%2Fwest%201');
  });

  it('survives the wire, with the trace of its cause', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const event = stampEvent({ ...heartbeat, traceparent }, eventSource('decision', 'controller-1'));
    expect(decodeEvent(encodeEvent(event))).toEqual(event);
    expect(event).toMatchObject({ specversion: '1.0', time: '2026-11-20T10:15:31.250Z', traceparent });
  });

  it('leaves the trace out where there is none', () => {
    expect(stampEvent(heartbeat, '/teststrip/decision/1')).not.toHaveProperty('traceparent');
  });
});
