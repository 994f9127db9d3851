import { describe, expect, it } from 'vitest';
import { readLogLine } from './access-log-line.js';
import { assignmentFrame } from './assignment-frame.js';

const LINE = {
  service: 'text-to-image',
  requestId: 'r1',
  method: 'POST',
  endedAt: '1790000001.250',
  seconds: '0.250',
  status: '200',
  completion: 'OK',
  bytes: '512',
  assignment: '',
  upstream: 'http://control:8000',
  instance: 'pod-1',
  contentType: 'image/png',
  retryAfter: '',
  cache: '',
  traceparent: '',
};
const read = (changes: Partial<typeof LINE>) => readLogLine(JSON.stringify({ ...LINE, ...changes }));

describe('a line of an access log', () => {
  it('tells of a request as far as the proxy saw it', () => {
    expect(read({})).toMatchObject({
      service: 'text-to-image',
      requestId: 'r1',
      assignment: null,
      upstream: 'http://control:8000',
      outcome: 'delivered',
      status: 200,
      startedAt: '2026-09-21T14:13:21.000Z',
      durationMs: 250,
      waitedMs: null,
      instance: 'pod-1',
    });
  });

  it.each([
    [
      { status: '499', completion: '' },
      { outcome: 'cancelled', status: null, durationMs: null, waitedMs: 250 },
    ],
    [{ status: '504' }, { outcome: 'timed-out', durationMs: null }],
    [
      { status: '200', completion: '' },
      { outcome: 'server-error', durationMs: null },
    ],
    [{ status: '502' }, { outcome: 'server-error', durationMs: 250 }],
    [{ status: '503', retryAfter: '1' }, { outcome: 'refused' }],
    [{ status: '422' }, { outcome: 'caller-error' }],
    [{ bytes: '0' }, { outcome: 'failed-inside-2xx' }],
    [{ contentType: 'text/html; charset=utf-8' }, { outcome: 'failed-inside-2xx' }],
    [{ cache: 'HIT' }, { outcome: 'cached' }],
  ])('%j is %j', (changes, expected) => {
    expect(read(changes)).toMatchObject(expected);
  });

  it('is passed over where a client has written another assignment into it by the id of its request', () => {
    const { beforeUnit, beforeTime, end } = assignmentFrame({
      experiment: 'exp',
      revision: 1,
      variant: 'control',
      control: 'control',
      epoch: 3,
      stage: 0,
      propensity: 0.5,
      weightsPpm: { control: 500_000, candidate: 500_000 },
      reason: 'SPLIT',
    });
    const named = (requestId: string) =>
      read({ requestId, assignment: `${beforeUnit}${requestId}${beforeTime}2026-09-21T14:13:21.000Z${end}` });
    expect(named('5f1c-r1')?.assignment).toMatchObject({ variant: 'control', unit: '5f1c-r1' });
    expect(named('a%22%2C%22variant%22%3A%22candidate')).toBeUndefined();
    expect(named('a%22%2C%22%5Cu0076ariant%22%3A%22candidate')).toBeUndefined();
    expect(named('a","variant":"candidate')).toBeUndefined();
  });

  it('is passed over where its time is none, and stops nothing behind it', () => {
    for (const endedAt of ['1e300', '9e15', '253402300800', 'Infinity', '-1', 'NaN'])
      expect(read({ endedAt })).toBeUndefined();
    for (const seconds of ['1e300', '-1']) expect(read({ seconds })).toBeUndefined();
    const envoy = { ...LINE, endedAt: undefined, seconds: undefined, beganAt: '1e308', milliseconds: '1' };
    expect(readLogLine(JSON.stringify(envoy))).toBeUndefined();
    expect(read({ endedAt: '5', seconds: '10' })?.startedAt).toBe('1970-01-01T00:00:00.000Z');
  });

  it('is passed over where it is none of ours, no generation, or claims an assignment that is none', () => {
    expect(readLogLine('127.0.0.1 - - "GET / HTTP/1.1" 200')).toBeUndefined();
    expect(read({ method: 'GET' })).toBeUndefined();
    expect(read({ assignment: '%7B%22unit%22%3A%22x%22%7D' })).toBeUndefined();
  });
});
