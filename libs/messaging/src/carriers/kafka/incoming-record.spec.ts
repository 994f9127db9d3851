import { expect, it } from 'vitest';
import { incomingRecord } from './incoming-record.js';

const sent = { key: null, value: null, timestamp: '1790000000123', attributes: 0, offset: '7', size: 0 };

it('has the headers that were sent: of several the last, without those that have no value', () => {
  const headers = { one: Buffer.from('1'), several: [Buffer.from('2'), Buffer.from('3')], text: '4', none: null };
  const record = incomingRecord('topic', 3, { ...sent, headers: headers as never });
  expect(record).toEqual({
    topic: 'topic',
    partition: 3,
    offset: 7,
    key: null,
    value: null,
    headers: { one: Buffer.from('1'), several: Buffer.from('3'), text: Buffer.from('4') },
    timestampMs: 1_790_000_000_123,
  });
});
