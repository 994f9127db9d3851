import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { decodeEvent, examples, type TeststripEvent } from '#libs/contracts';
import { RecordRefusedError, type OutgoingRecord } from '#libs/messaging';
import type { RecordedDefinition } from '#libs/persistence/reports';
import type { Identity } from '#libs/platform';
import { EventsDesk } from './events-desk.js';
import { EventsMetrics } from './events-metrics.js';

const generation = examples.find(
  ({ type }) => type === 'generation.completed.v1',
) as TeststripEvent<'generation.completed.v1'>;
const { experiment } = generation.data.assignment!;
const root: Identity = { name: 'root', roles: { '*': 'admin' } };
const sender: Identity = { name: 'sdxl', roles: { 'text-to-image': 'reporter', upscale: 'reporter' } };
const NOW_MS = Date.parse('2026-11-27T10:00:00Z');
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function aDesk(publish?: (records: readonly OutgoingRecord[]) => Promise<void>) {
  const published: OutgoingRecord[] = [];
  const metrics = new Registry();
  const desk = new EventsDesk({
    bus: { publish: publish ?? (async (records) => void published.push(...records)) },
    facts: {
      definitions: async (asked) =>
        asked === experiment ? [{ spec: { service: 'text-to-image' } } as RecordedDefinition] : [],
    },
    metrics: new EventsMetrics(metrics),
    clock: { nowMs: () => NOW_MS },
  });
  const take = (events: readonly unknown[], who = root, trace?: string) =>
    desk.take(
      events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event))),
      who,
      trace,
    );
  return { take, published, metrics };
}

function told(id: string, data: object = {}, attributes: object = {}): object {
  const { specversion, source, type } = generation;
  return { specversion, source, type, id, data: { ...generation.data, ...data }, ...attributes };
}

describe('events that are sent over HTTP', () => {
  it('are published as they were sent, under the key of their unit, and read as the telemetry library’s are', async () => {
    const { take, published } = aDesk();
    const answers = await take([told('g1'), told('g2', { assignment: null })], root, TRACE);
    expect(answers).toEqual([
      { id: 'g1', status: 202 },
      { id: 'g2', status: 202 },
    ]);
    expect(published.map(({ key }) => key)).toEqual([generation.data.assignment!.unit, generation.data.requestId]);
    const read = decodeEvent(published[0] as OutgoingRecord & { headers: Record<string, string> });
    expect(read).toMatchObject({ id: 'g1', traceparent: TRACE, data: generation.data });
    expect(read.mended).toBeUndefined();
    expect(Date.parse(read.time)).toBe(NOW_MS);
  });

  it('are told what was read for what it means; every digit of a long number is kept', async () => {
    const { take, published } = aDesk();
    const text = JSON.stringify(
      told('g1', { gpu: { utilisation: 87 } }, { subject: 'somebody', time: generation.time }),
    );
    const [answer] = await take([text.replace('"seed":4242', '"seed":13835058055282163712')]);
    expect(answer).toEqual({ id: 'g1', status: 202, mended: ['long-integer', 'percent'] });
    expect(published[0]?.key).toBe(generation.data.assignment!.unit);
    const read = decodeEvent(published[0] as OutgoingRecord & { headers: Record<string, string> });
    expect(read.data).toMatchObject({ seed: '13835058055282163712', gpu: { utilisation: 0.87 } });
  });

  it('that are none cost no other one, and each is told what was expected', async () => {
    const { take, published, metrics } = aDesk();
    const answers = await take([
      told('good'),
      '{"broken',
      '7',
      { ...told('x'), specversion: '0.3' },
      { ...told('x'), type: 'allocation.commanded.v1' },
      { ...told('x'), id: undefined },
      { ...told('x'), id: 'x'.repeat(513) },
      { ...told('x'), data: 'text' },
      told('x', { requestId: null }),
      told('x', { prompt: 'a\u0000b' }),
      told('good'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([202, ...Array.from({ length: 9 }, () => 422), 202]);
    expect(answers.map(({ detail }) => detail?.slice(0, 40))).toEqual([
      undefined,
      expect.stringMatching(/^no JSON: /),
      'the event is 7, expected a JSON object',
      'specversion is "0.3", expected the text ',
      'type is "allocation.commanded.v1", expec',
      'id is missing, expected a text of 1 to 5',
      expect.stringMatching(/^id is "xxx/),
      'data is "text", expected a JSON object',
      expect.stringMatching(/^data: requestId: /),
      expect.stringMatching(/^data\.prompt: a NUL character/),
      undefined,
    ]);
    expect(published).toHaveLength(1);
    expect(await metrics.metrics()).toContain('teststrip_events_sent_total{topic="unknown",status="422"} 9');
  });

  it('are taken of whoever may speak for their service, about its own experiments alone', async () => {
    const { take, published } = aDesk();
    const elsewhere = { ...generation.data.assignment!, experiment: 'unknown-yet' };
    const answers = await take(
      [
        told('a'),
        told('b', { service: 'upscale' }),
        told('c', { service: 'paint' }),
        told('d', { assignment: elsewhere }),
      ],
      sender,
    );
    expect(answers.map(({ id, status }) => [id, status])).toEqual([
      ['a', 202],
      ['b', 403],
      ['c', 403],
      ['d', 404],
    ]);
    expect(answers[1]?.detail).toBe(`data.assignment.experiment: ${experiment} is none of upscale`);
    expect(answers[2]?.detail).toBe('data.service: sdxl has no role reporter on paint');
    expect(published).toHaveLength(1);
  });

  it('that the bus never takes are refused alone; where it takes none now, all may be sent again', async () => {
    const published: string[] = [];
    const { take } = aDesk(async (records) => {
      const ids = records.map(({ value }) => (JSON.parse(value!.toString()) as { id: string }).id);
      if (ids.includes('large')) throw new RecordRefusedError('too large');
      published.push(...ids);
    });
    const answers = await take([told('a'), told('large'), told('b')]);
    expect(answers.map(({ id, status }) => [id, status])).toEqual([
      ['a', 202],
      ['large', 413],
      ['b', 202],
    ]);
    expect(published).toEqual(['a', 'b']);
    const away = aDesk(() => Promise.reject(new Error('no broker')));
    await expect(away.take([told('a')])).rejects.toMatchObject({ status: 503 });
  });
});
