import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { quickenDecoding } from './quick-decoding.js';

const require = createRequire(import.meta.url);
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => {
  readonly buffer: Buffer;
};
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => { readVarIntBytes(): Buffer };
const decodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
  decoder: object,
  context: object,
) => object;

const context = { firstOffset: '9007199254740993', firstTimestamp: '1790000000000', magicByte: 2 };
const text = fc.string({ maxLength: 200, unit: 'binary' });
const record = fc.record({
  offsetDelta: fc.integer({ min: 0, max: 2 ** 30 }),
  timestampDelta: fc.oneof(
    fc.integer({ min: -1_000, max: 1_000 }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.constantFrom(0, -1, 63, 64, -64, -65, 2 ** 40, -(2 ** 40), 2 ** 48 - 1, 2 ** 48, -(2 ** 49), 2 ** 53 - 1),
  ),
  key: text,
  value: text,
  headers: fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 })),
    { maxKeys: 12 },
  ),
});

it('reads records as the client does, byte for byte', () => {
  const records = fc.sample(record, { numRuns: 400, seed: 14 }).map((one) => encodeRecord(one).buffer);
  const before = records.map(decoded);
  quickenDecoding();
  expect(records.map(decoded)).toEqual(before);
  quickenDecoding();
  expect(decoded(records[0]!)).toEqual(before[0]);
});

it('leaves a header out that would be no header but what the object inherits', () => {
  quickenDecoding();
  const headers = JSON.parse('{ "__proto__": "x", "a": "b" }') as object;
  const { buffer } = encodeRecord({ offsetDelta: 0, timestampDelta: 0, key: 'k', value: 'v', headers });
  const read = decoded(buffer) as { readonly headers: object };
  expect(Object.entries(read.headers)).toEqual([['a', Buffer.from('b')]]);
  expect(Object.getPrototypeOf(read.headers)).toBe(Object.prototype);
});

function decoded(bytes: Buffer): object {
  return decodeRecord(new Decoder(new Decoder(bytes).readVarIntBytes()), context);
}
