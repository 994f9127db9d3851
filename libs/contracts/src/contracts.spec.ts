import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import {
  contractDocuments,
  decodeEvent,
  encodeEvent,
  examples,
  MalformedEventError,
  OUTCOMES,
  topics,
} from './index.js';

const generated = new URL('../generated/', import.meta.url);
const documents = contractDocuments();

describe('generated documents', () => {
  it.each([...documents.keys()])('%s has not drifted from the schemas (npm run contracts)', (name) => {
    expect(JSON.parse(readFileSync(new URL(name, generated), 'utf8'))).toEqual(documents.get(name));
  });

  it('hold a valid AsyncAPI 3 description', () => {
    // In a process of its own: under the test runner's export conditions the parser's dependencies resolve to builds that don't fit.
    const program = `const { Parser } = require('@asyncapi/parser');
      new Parser().parse(require('node:fs').readFileSync(0, 'utf8')).then(({ document, diagnostics }) =>
        console.log(JSON.stringify({ channels: document?.channels().length, errors: diagnostics.filter(({ severity }) => severity === 0) })));`;
    const output = execFileSync(process.execPath, ['-e', program], {
      input: JSON.stringify(documents.get('asyncapi.json')),
      env: {},
    });
    expect(JSON.parse(output.toString())).toEqual({ channels: Object.keys(topics).length, errors: [] });
  });

  it.each(examples.map((example) => [example.type, example] as const))('accept the example of %s', (type, example) => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const schema = documents.get(`schemas/${type}.json`) as object;
    expect(ajv.validate(schema, example.data), ajv.errorsText()).toBe(true);
  });
});

describe('the codec', () => {
  it.each(examples.map((example) => [example.type, example] as const))(
    'round-trips %s in binary mode',
    (_type, example) => {
      expect(decodeEvent(encodeEvent(example))).toEqual(example);
    },
  );

  it.each([
    ['request.routed.v1', 'succeeded', 'delivered'],
    ['request.routed.v1', 'client-error', 'caller-error'],
    ['request.routed.v1', 'failed', 'server-error'],
    ['request.routed.v1', 'timed-out', 'timed-out'],
    ['request.routed.v1', 'cancelled', 'cancelled'],
    ['generation.completed.v1', 'succeeded', 'delivered'],
    ['generation.completed.v1', 'failed', 'server-error'],
  ] as const)('reads %s events of before: %s is %s', (type, former, present) => {
    const example = examples.find((one) => one.type === type)!;
    const { waitedMs: _since, ...data } = { waitedMs: null, ...example.data, outcome: former };
    const read = decodeEvent({ ...encodeEvent(example), value: Buffer.from(JSON.stringify(data)) });
    expect(read.data).toEqual({ ...example.data, outcome: present });
  });

  it('names every outcome once, and takes no other', () => {
    const example = examples.find(({ type }) => type === 'request.routed.v1')!;
    const read = (outcome: unknown): unknown =>
      decodeEvent({ ...encodeEvent(example), value: Buffer.from(JSON.stringify({ ...example.data, outcome })) }).data;
    for (const outcome of OUTCOMES) expect(read(outcome)).toMatchObject({ outcome });
    for (const wrong of ['toString', 'Delivered', '', null, 1]) expect(() => read(wrong)).toThrow(/outcome: /);
  });

  it('says which field is wrong and what was expected', () => {
    const { topic, headers } = encodeEvent(examples[0]!);
    const value = Buffer.from('{"requestId":""}');
    expect(() => decodeEvent({ topic, headers, value })).toThrow(/requestId: .*; service: /);
    expect(() => decodeEvent({ topic, headers, value: Buffer.from('{') })).toThrow(MalformedEventError);
    const many = Buffer.from(JSON.stringify({ images: Array.from({ length: 20_000 }, () => 1) }));
    const made = encodeEvent(examples.find(({ type }) => type === 'generation.completed.v1')!);
    expect(() => decodeEvent({ ...made, value: many })).toThrow(/^data: .{1000,2000} … \(\d+ more problems\)$/);
    expect(() => decodeEvent({ topic, headers: {}, value })).toThrow(/CloudEvents attributes: .*id/);
    const scored = examples.find(({ type }) => type === 'image.scored.v1')!;
    const large = { ...scored, data: { ...scored.data, imageIndex: 3_000_000_000 } } as typeof scored;
    expect(() => decodeEvent(encodeEvent(large))).toThrow(/imageIndex: /);
    expect(() => decodeEvent({ topic: 'request.routed.v9', headers, value })).toThrow(/unknown; expected one of/);
  });
});
