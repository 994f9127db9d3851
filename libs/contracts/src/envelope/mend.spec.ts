import { describe, expect, it } from 'vitest';
import {
  decodeEvent,
  encodeEvent,
  examples,
  MalformedEventError,
  type MendKind,
  type TeststripEvent,
} from '../index.js';
import { processorMsOf } from '#libs/testing/processor-time';
import { parseToldJson } from './mend.js';

type Data = Record<string, unknown>;

const generation = examples.find(
  ({ type }) => type === 'generation.completed.v1',
) as TeststripEvent<'generation.completed.v1'>;
const score = examples.find(({ type }) => type === 'image.scored.v1') as TeststripEvent<'image.scored.v1'>;
const feedback = examples.find(({ type }) => type === 'feedback.recorded.v1') as TeststripEvent<'feedback.recorded.v1'>;
const [picture] = generation.data.images;

/** What is read where the example's data is written with these changes; undefined leaves a field out. */
function told(changes: object, example: TeststripEvent = generation) {
  return read(JSON.stringify({ ...example.data, ...changes }), {}, example);
}

function read(value: string, headers: Record<string, string | undefined> = {}, example: TeststripEvent = generation) {
  const encoded = encodeEvent(example);
  return decodeEvent({ ...encoded, headers: { ...encoded.headers, ...headers }, value: Buffer.from(value) }) as Omit<
    TeststripEvent,
    'data'
  > & { readonly data: Data };
}

function mended(
  { data, mended: kinds = [] }: { readonly data: Data; readonly mended?: readonly MendKind[] },
  field: string,
) {
  return [data[field], [...kinds]];
}

describe('a generation whose fields are not as they should be', () => {
  const { timings, gpu, config, assignment } = generation.data;

  it.each([
    ['a seed of −1', { seed: -1 }, 'seed', null, ['random-seed']],
    ['no seed', { seed: undefined }, 'seed', null, []],
    ['a seed in text', { seed: '42' }, 'seed', '42', []],
    ['a utilisation of 87', { gpu: { ...gpu, utilisation: 87 } }, 'gpu', { ...gpu, utilisation: 0.87 }, ['percent']],
    [
      'a utilisation of "87 %"',
      { gpu: { ...gpu, utilisation: '87 %' } },
      'gpu',
      { ...gpu, utilisation: 0.87 },
      ['number-as-text', 'percent'],
    ],
    [
      'no utilisation',
      { gpu: { seconds: 1, memoryMiB: 2 } },
      'gpu',
      { seconds: 1, utilisation: null, memoryMiB: 2 },
      [],
    ],
    ['no GPU', { gpu: null }, 'gpu', { seconds: null, utilisation: null, memoryMiB: null }, []],
    ['no timings', { timings: undefined }, 'timings', { queueMs: null, inferenceMs: null, totalMs: null }, []],
    [
      'a duration of −0.3 ms',
      { timings: { ...timings, queueMs: -0.3 } },
      'timings',
      { ...timings, queueMs: 0 },
      ['negative-duration'],
    ],
    [
      'a duration of −1 h',
      { timings: { ...timings, queueMs: -3.6e6 } },
      'timings',
      { ...timings, queueMs: null },
      ['left-out'],
    ],
    ['no cost', { cost: null }, 'cost', null, []],
    ['a cost in text', { cost: '0.002' }, 'cost', 0.002, ['number-as-text']],
    ['a cost that is none', { cost: 'cheap' }, 'cost', null, ['left-out']],
    [
      'a list in the configuration',
      { config: { ...config, loras: ['detail'] } },
      'config',
      { ...config, loras: ['detail'] },
      [],
    ],
    [
      'a nested configuration',
      { config: { vae: { name: 'x', tiled: null } } },
      'config',
      { vae: { name: 'x', tiled: null } },
      [],
    ],
    ['no configuration', { config: null }, 'config', {}, []],
    ['no fingerprint', { fingerprint: undefined }, 'fingerprint', null, []],
    ['no prompt', { prompt: null }, 'prompt', null, []],
    ['no instance', { instance: null }, 'instance', undefined, []],
    ['a number as instance', { instance: 7 }, 'instance', '7', []],
    ['an endless instance', { instance: 'x'.repeat(300) }, 'instance', 'x'.repeat(256), []],
    ['an error as an object', { error: { code: 7 } }, 'error', '{"code":7}', []],
    ['a single picture', { images: picture }, 'images', [picture], []],
    ['no picture', { images: null }, 'images', [], []],
    ['a request id that is a number', { requestId: 7 }, 'requestId', '7', []],
    ['no generation id', { generationId: undefined }, 'generationId', generation.data.requestId, []],
    ['an assignment of others', { assignment: { bucket: 7 } }, 'assignment', null, ['assignment-left-out']],
    [
      'the assignment as its header',
      { assignment: encodeURIComponent(JSON.stringify(assignment)) },
      'assignment',
      assignment,
      [],
    ],
    ['an unreadable assignment', { assignment: 'control' }, 'assignment', null, ['assignment-left-out']],
  ] as const)('%s', (_what, changes, field, value, kinds) => {
    expect(mended(told(changes), field)).toEqual([value, kinds]);
  });

  it.each(['JPEG', 'jpg', 'image/jpeg', '.jpg'])('a picture in the format %s', (format) => {
    expect(mended(told({ images: [{ ...picture, format }] }), 'images')).toEqual([
      [{ ...picture, format: 'jpeg' }],
      ['format-spelling'],
    ]);
  });

  it('a digest in capitals, and a picture of which nothing but its address is known', () => {
    const sha256 = `SHA256:${'AB'.repeat(32)}`;
    expect(mended(told({ images: [{ ...picture, sha256 }] }), 'images')).toEqual([
      [{ ...picture, sha256: 'ab'.repeat(32) }],
      ['digest-spelling'],
    ]);
    expect(told({ images: ['file:///x.png'] }).data['images']).toEqual([
      { uri: 'file:///x.png', sha256: null, format: null, width: null, height: null, bytes: null },
    ]);
  });

  it('every field but the request’s id may be absent, or anything', () => {
    const { requestId } = generation.data;
    expect(read(JSON.stringify({ requestId })).data).toMatchObject({ requestId, generationId: requestId });
    for (const field of Object.keys(generation.data)) {
      if (field === 'requestId') continue;
      for (const odd of [undefined, null, '', 'x', -7.5, 1e300, true, [], {}, [[]], [{}], { x: {} }])
        expect(told({ [field]: odd }).data['requestId'], `${field}: ${JSON.stringify(odd)}`).toBe(requestId);
    }
  });

  it('without the request’s id it stays what it is, and the refusal names the field', () => {
    expect(() => told({ requestId: undefined })).toThrow(MalformedEventError);
    expect(() => told({ requestId: '', cost: -1 })).toThrow(/^data: requestId: /);
    expect(() => read('7')).toThrow(MalformedEventError);
  });
});

describe('numbers as other languages write them', () => {
  const text = JSON.stringify(generation.data);

  it('keeps every digit of a 64-bit seed', () => {
    for (const seed of ['13835058055282163712', '9007199254740993', '18446744073709551615']) {
      const event = read(text.replace('"seed":4242', `"seed":${seed}`));
      expect(mended(event, 'seed')).toEqual([seed, ['long-integer']]);
      // And through another turn of the bus.
      expect(decodeEvent(encodeEvent(event as TeststripEvent)).data).toMatchObject({ seed });
    }
  });

  it('does so wherever it stands, and not in a text', () => {
    const long = '18446744073709551615';
    const noted: MendKind[] = [];
    const lenient = (json: string): unknown => parseToldJson(json, (kind) => noted.push(kind));
    expect(lenient(long)).toBe(long);
    expect(lenient(`[${long},-${long}, ${long},\n${long},1]`)).toEqual([long, `-${long}`, long, long, 1]);
    expect(lenient(`{"a":${long},"b": -${long}}`)).toEqual({ a: long, b: `-${long}` });
    expect(noted).toHaveLength(7);
    expect(lenient(`{"a":"${long}","b":"b: ${long}","c":1e0000000000000000001}`)).toEqual({
      a: long,
      b: `b: ${long}`,
      c: 10,
    });
    expect(noted).toHaveLength(7);
  });

  it('leaves fractions of many digits what they are, beside such a seed too', () => {
    const measured = text.replace(/"cost":[^,]+/, '"cost":0.0012345678901234567');
    expect(mended(read(measured), 'cost')).toEqual([0.0012345678901234567, []]);
    const seed = '18446744073709551615';
    const event = read(measured.replace('"seed":4242', `"seed":${seed}`));
    expect(event.data).toMatchObject({ cost: 0.0012345678901234567, seed });
    expect(event.mended).toEqual(['long-integer']);
  });

  it('takes NaN and Infinity for no data, and leaves texts alone', () => {
    const prompt = 'NaN \\"Infinity\\" 12345678901234567890';
    const event = read(
      text
        .replace(/"cost":[^,]+/, '"cost":NaN')
        .replace(/"totalMs":[^,}]+/, '"totalMs":-Infinity')
        .replace(/"prompt":"[^"]*"/, `"prompt":"${prompt}"`),
    );
    expect(event.data).toMatchObject({ cost: null, prompt: prompt.replaceAll('\\"', '"') });
    expect(event.mended).toEqual(['not-a-number', 'not-a-number']);
  });

  it('refuses what is no JSON even so', () => {
    expect(() => read('{"cost": NaN')).toThrow(MalformedEventError);
  });
});

describe('attributes of CloudEvents', () => {
  const value = JSON.stringify(generation.data);

  it.each([
    ['ce_time', 'no-time', { time: '1970-01-01T00:00:00.000Z' }],
    ['ce_subject', 'no-subject', { subject: generation.subject }],
    ['ce_id', 'no-id', { id: `generation.completed.v1:${generation.data.generationId}` }],
    ['ce_source', 'no-source', { source: 'unknown' }],
    ['ce_specversion', 'no-version', { specversion: '1.0' }],
  ])('without %s', (name, kind, expected) => {
    expect(read(value, { [name]: undefined })).toMatchObject({ ...expected, mended: [kind] });
  });

  it('a broken traceparent is none; a time is read as people write it', () => {
    const event = read(value, { ce_traceparent: '00-abc' });
    expect([event.traceparent, event.mended]).toEqual([undefined, ['traceparent-left-out']]);
    for (const time of ['2026-01-01T00:00:00', '2026-01-01 00:00:00', '1767225600', '1767225600000.5'])
      expect(read(value, { ce_time: time }).time).toMatch(/^2026-01-01T00:00:00\.000Z$/);
  });

  it('the carrier says when and whose, where nobody else does', () => {
    const { headers, topic } = encodeEvent(generation);
    const bare = { ...headers, ce_time: undefined, ce_subject: undefined };
    const carried = {
      topic,
      headers: bare,
      value: Buffer.from(value),
      timestampMs: 1_767_225_600_000,
      key: Buffer.from('k'),
    };
    expect(decodeEvent(carried)).toMatchObject({ time: '2026-01-01T00:00:00.000Z', subject: 'k' });
  });
});

describe('an event as other libraries write it', () => {
  it('in the structured mode of CloudEvents: attributes and data in the value', () => {
    const { specversion, id, source, type, time, subject, data } = generation;
    const value = JSON.stringify({
      specversion,
      id,
      source,
      type,
      time,
      subject,
      datacontenttype: 'application/json',
      data,
    });
    const { topic } = encodeEvent(generation);
    const event = decodeEvent({ topic, headers: {}, value: Buffer.from(value) });
    expect(event).toMatchObject({ id, source, time, subject, data });
    expect(event.mended).toBeUndefined();
  });

  it('with its fields in another spelling', () => {
    const { requestId, generationId, timings, gpu, ...rest } = generation.data;
    const value = {
      ...rest,
      request_id: requestId,
      GenerationID: generationId,
      timings: { queue_ms: timings.queueMs, inference_ms: timings.inferenceMs, total_ms: timings.totalMs },
      gpu: { seconds: gpu.seconds, utilisation: gpu.utilisation, memory_mib: gpu.memoryMiB },
      config: { ...rest.config, clip_skip: 2 },
    };
    const event = read(JSON.stringify(value));
    expect(event.data).toEqual({ ...generation.data, config: { ...rest.config, clip_skip: 2 } });
    expect(new Set(event.mended)).toEqual(new Set(['name-spelling']));
  });

  it('a field in two spellings is what it is called here', () => {
    const event = read(JSON.stringify({ ...generation.data, request_id: 'other', seed: -1 }));
    expect(event.data['requestId']).toBe(generation.data.requestId);
  });

  it('with a byte order mark', () => {
    expect(read(`\uFEFF${JSON.stringify(generation.data)}`)).toMatchObject({ data: generation.data });
  });
});

describe('scores and feedback of other programs', () => {
  it.each([
    ['an alignment that is rounded up', { alignment: 1.0000001 }, 'alignment', 1, []],
    ['an alignment in per cent', { alignment: 31.4 }, 'alignment', 0.314, ['percent']],
    ['no alignment', { alignment: undefined }, 'alignment', null, []],
    ['a list of numbers as the embedding', { embedding: [1, 0] }, 'embedding', 'ADwAAA==', []],
    ['a quality that is none', { quality: { clean: null, sharp: 0.5 } }, 'quality', { sharp: 0.5 }, []],
    [
      'no word on what is optional',
      { blank: undefined, promptTruncated: undefined, reason: undefined },
      'blank',
      false,
      [],
    ],
  ] as const)('%s', (_what, changes, field, value, kinds) => {
    expect(mended(told(changes, score), field)).toEqual([value, kinds]);
  });

  it.each([
    ['thumbs_up', 'thumb-up'],
    ['👎', 'thumb-down'],
    ['Liked', 'thumb-up'],
    ['DOWNLOADED', 'download'],
    ['reroll', 'regenerate'],
  ])('a deed that others call %s', (name, kind) => {
    const event = told({ kind: name, rating: null }, feedback);
    expect(event.data['kind']).toBe(kind);
    expect(new Set(event.mended)).toEqual(new Set(['name-spelling']));
  });

  it('a deed that nobody knows is refused by its name', () => {
    expect(() => told({ kind: 'stared at', rating: null }, feedback)).toThrow(/kind: .*expected one of "thumb-up"/);
  });

  it('a thumb in capitals, a rating in text, no time', () => {
    const event = told({ kind: 'THUMB_UP', rating: '4', givenAt: undefined }, feedback);
    expect(event.data).toMatchObject({ kind: 'thumb-up', rating: 4, givenAt: feedback.time });
  });
});

describe('a text that takes longer to read than its length says', () => {
  const LONG = 100_000;

  it.each([
    ['digits and no number', `${'0'.repeat(LONG)}x`],
    ['a number, blanks and something else', `1${' '.repeat(LONG)}x`],
    ['digits, blanks and something else', `${'0'.repeat(LONG / 2)}${' '.repeat(LONG / 2)}x`],
  ])('is no number: %s', (_what, cost) => {
    expect(mended(told({ cost }), 'cost')).toEqual([null, ['left-out']]);
    expect(processorMsOf(() => told({ cost }))).toBeLessThan(100);
  });

  it.each([
    ['quotes that are escaped, in no string', `\\"`.repeat(LONG / 2)],
    ['a string without an end, of quotes that are escaped', `"${`\\"`.repeat(LONG / 2)}`],
    ['the same with half an escape at its end', `"${`\\"`.repeat(LONG / 2)}\\`],
    ['a long number before them', `[12345678901234567890, ${`\\"`.repeat(LONG / 2)}\\`],
  ])('is no JSON: %s', (_what, text) => {
    const parse = () => parseToldJson(text, () => undefined);
    expect(parse).toThrow(SyntaxError);
    const ms = processorMsOf(() => {
      try {
        parse();
      } catch {
        // As it should.
      }
    });
    expect(ms).toBeLessThan(100);
  });
});
