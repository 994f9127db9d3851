import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  ASSIGNMENT_HEADER,
  canonicalJson,
  decodeEvent,
  encodeAssignment,
  examples,
  REQUEST_ID_HEADER,
  type Assignment,
  type EncodedEvent,
  type GenerationCompleted,
  type TeststripEvent,
} from '#libs/contracts';
import {
  createEventBuffer,
  createTelemetry,
  fingerprintOf,
  readRequestContext,
  sha256Of,
  type CompletedGeneration,
  type EventBuffer,
  type RequestContext,
} from './index.js';

const exampleEvent = examples.find(
  ({ type }) => type === 'generation.completed.v1',
) as TeststripEvent<'generation.completed.v1'>;
const example = exampleEvent.data;
const assignment = example.assignment as Assignment;
const context: RequestContext = { requestId: 'request-1', assignment };

function generation(changes: Partial<CompletedGeneration> = {}): CompletedGeneration {
  const { config, prompt, seed, outcome, error, timings, gpu, cost, images } = example;
  return { config, prompt, seed, outcome, error, timings, gpu, cost, images, request: context, ...changes };
}

function generationEvent(id: number): TeststripEvent {
  return { ...exampleEvent, id: String(id) };
}

/** A bus that keeps what it is given and can be told to fail. */
class ListeningBus {
  readonly batches: (readonly EncodedEvent[])[] = [];
  failing = false;

  publish = async (records: readonly EncodedEvent[]): Promise<void> => {
    await Promise.resolve();
    if (this.failing) throw new Error('bus away');
    this.batches.push(records);
  };

  get records(): readonly EncodedEvent[] {
    return this.batches.flat();
  }
}

function idsOf({ records }: ListeningBus): readonly (string | undefined)[] {
  return records.map(({ headers }) => headers['ce_id']);
}

/** Gone with the test. */
function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'spool-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function aSpoolingBuffer(bus: ListeningBus, folder: string, more: object = {}): EventBuffer {
  return createEventBuffer({
    publish: bus.publish,
    spool: { folder },
    maxBatch: 3,
    maxQueued: 6,
    retryAfterMs: 1,
    closeWithinMs: 20,
    ...more,
  });
}

function idsUpTo(length: number): readonly string[] {
  return Array.from({ length }, (_, id) => String(id));
}

const MOMENTS = 8;

describe('readRequestContext', () => {
  it('reads request id and assignment from node and from fetch headers', () => {
    const headers = { [REQUEST_ID_HEADER]: 'request-1', [ASSIGNMENT_HEADER]: encodeAssignment(assignment) };
    expect(readRequestContext(headers)).toEqual(context);
    expect(readRequestContext(new Headers(headers))).toEqual(context);
  });

  it('makes up a request id and has no assignment where the router was not asked', () => {
    const read = readRequestContext({});
    expect(read.assignment).toBeNull();
    expect(read.requestId).not.toBe('');
  });

  it('tells of an assignment it cannot read and goes on without it', () => {
    const troubles: string[] = [];
    const read = readRequestContext({ [REQUEST_ID_HEADER]: 'r', [ASSIGNMENT_HEADER]: '%7Bbroken' }, (message) =>
      troubles.push(message),
    );
    expect(read).toEqual({ requestId: 'r', assignment: null });
    expect(troubles[0]).toContain('header teststrip-assignment of request r is no assignment');
  });
});

describe('telemetry', () => {
  it('publishes a generation as an event that every consumer can read, keyed by the unit', async () => {
    const bus = new ListeningBus();
    const telemetry = createTelemetry({ bus, service: 'text-to-image', source: 'inference/test' });
    expect(telemetry.generationCompleted(generation({ generationId: 'generation-1' }))).toBe(true);
    await telemetry.close();
    const [record] = bus.records;
    expect(record?.key).toBe(assignment.unit);
    const event = decodeEvent(record as EncodedEvent);
    expect(event).toMatchObject({
      id: 'generation.completed.v1:generation-1',
      source: 'inference/test',
      data: {
        requestId: 'request-1',
        generationId: 'generation-1',
        service: 'text-to-image',
        assignment,
        shadow: false,
      },
    });
    expect((event.data as GenerationCompleted).fingerprint).toBe(fingerprintOf(example.config));
  });

  it('says of the copy of a pair, and of no other generation, that nobody saw it', async () => {
    const bus = new ListeningBus();
    const telemetry = createTelemetry({ bus, service: 'text-to-image', source: 'inference/test' });
    const pair = { request: 'request-1', candidate: 'candidate', prompt: 'p' };
    for (const variant of ['control', 'candidate']) {
      const request = { requestId: `request-${variant}`, assignment: { ...assignment, variant, pair } };
      telemetry.generationCompleted(generation({ request }));
    }
    await telemetry.close();
    const published = bus.records.map((record) => decodeEvent(record as EncodedEvent).data as GenerationCompleted);
    expect(published.map(({ shadow }) => shadow)).toEqual([false, true]);
    expect(published.map(({ assignment: of }) => of?.pair)).toEqual([pair, pair]);
  });

  it('says which process it was: by its own name, or else the machine’s', async () => {
    const bus = new ListeningBus();
    for (const name of [{}, { instance: 'sdxl-int8-x2x7q' }, { instance: '' }]) {
      const telemetry = createTelemetry({ bus, service: 'text-to-image', source: 'inference/test', ...name });
      telemetry.generationCompleted(generation());
      await telemetry.close();
    }
    const instances = bus.records.map((record) => (decodeEvent(record).data as GenerationCompleted).instance);
    expect(instances).toEqual([hostname(), 'sdxl-int8-x2x7q', undefined]);
  });

  it('keys a generation without an assignment by its request', async () => {
    const bus = new ListeningBus();
    const telemetry = createTelemetry({ bus, service: 'text-to-image', source: 'inference/test' });
    telemetry.generationCompleted(generation({ request: { requestId: 'request-2', assignment: null } }));
    await telemetry.flush();
    expect(bus.records[0]?.key).toBe('request-2');
    await telemetry.close();
  });

  it('does not publish what is no valid event, and says what is wrong', async () => {
    const bus = new ListeningBus();
    const troubles: string[] = [];
    const telemetry = createTelemetry({
      bus,
      service: 'text-to-image',
      source: 'inference/test',
      onTrouble: (message) => troubles.push(message),
    });
    expect(telemetry.generationCompleted(generation({ request: { requestId: '', assignment: null } }))).toBe(false);
    await telemetry.close();
    expect(bus.records).toEqual([]);
    expect(telemetry.status()).toMatchObject({ invalid: 1, added: 0 });
    expect(troubles[0]).toMatch(/request {2}is not published: requestId: /);
  });

  it('publishes what is known where a service does not know everything, and what is odd for what it means', async () => {
    const bus = new ListeningBus();
    const troubles: string[] = [];
    const telemetry = createTelemetry({
      bus,
      service: 'text-to-image',
      source: 'inference/test',
      onTrouble: (message) => troubles.push(message),
    });
    const request = { requestId: 'request-1', assignment: null };
    expect(telemetry.generationCompleted({ request, outcome: 'delivered' })).toBe(true);
    const config = { loras: ['detail'], vae: { tiled: true, name: 'x' } };
    const odd = { config, seed: 2n ** 63n, cost: Number.NaN, gpu: { utilisation: 87 } };
    for (let time = 0; time < 2; time++) telemetry.generationCompleted({ request, outcome: 'delivered', ...odd });
    await telemetry.close();
    const [bare, mended] = bus.records.map((record) => decodeEvent(record).data as GenerationCompleted);
    expect(bare).toMatchObject({ fingerprint: null, prompt: null, cost: null, images: [], config: {} });
    expect(mended).toMatchObject({ seed: '9223372036854775808', cost: null, gpu: { utilisation: 0.87 }, config });
    expect(mended?.fingerprint).toBe(fingerprintOf({ vae: { name: 'x', tiled: true }, loras: ['detail'] }));
    expect(telemetry.status()).toMatchObject({ invalid: 0, mended: 4, published: 3 });
    expect(troubles).toHaveLength(2);
  });
});

describe('event buffer', () => {
  it('publishes events that come close together as one batch', async () => {
    const bus = new ListeningBus();
    const buffer = createEventBuffer({ publish: bus.publish });
    for (let id = 0; id < 10; id += 1) buffer.add(generationEvent(id));
    await expect.poll(() => bus.batches.length).toBe(1);
    expect(bus.records.map(({ headers }) => headers['ce_id'])).toEqual(
      Array.from({ length: 10 }, (_, id) => String(id)),
    );
    await buffer.close();
  });

  it('keeps events in order and loses none while the bus is away for a time', async () => {
    const bus = new ListeningBus();
    bus.failing = true;
    const buffer = createEventBuffer({ publish: bus.publish, retryAfterMs: 1, maxBatch: 3 });
    for (let id = 0; id < 10; id += 1) buffer.add(generationEvent(id));
    await expect.poll(() => buffer.status().failedAttempts).toBeGreaterThan(2);
    bus.failing = false;
    await expect.poll(() => buffer.status().published).toBe(10);
    expect(bus.records.map(({ headers }) => headers['ce_id'])).toEqual(
      Array.from({ length: 10 }, (_, id) => String(id)),
    );
    await buffer.close();
  });

  it('publishes an event that is added in any moment of a batch that ends, without waiting for another one', async () => {
    const bus = new ListeningBus();
    const buffer = createEventBuffer({
      maxDelayMs: 1,
      publish: async (records) => {
        await bus.publish(records);
        const id = bus.records.length;
        if (id > MOMENTS) return;
        // One further microtask later each time: before, between and after the steps in which the run winds up.
        let moment = Promise.resolve();
        for (let step = 0; step < id; step += 1) moment = moment.then(() => undefined);
        void moment.then(() => buffer.add(generationEvent(id + 1)));
      },
    });
    buffer.add(generationEvent(1));
    await expect.poll(() => bus.records.length).toBe(MOMENTS + 1);
    await buffer.close();
  });

  it('drops the oldest of what exceeds the bounded queue, counts them, and says so once', async () => {
    const bus = new ListeningBus();
    const troubles: string[] = [];
    const buffer = createEventBuffer({
      publish: bus.publish,
      maxQueued: 4,
      onTrouble: (message) => troubles.push(message),
    });
    const taken = Array.from({ length: 6 }, (_, id) => buffer.add(generationEvent(id)));
    expect(taken).toEqual(Array.from({ length: 6 }, () => true));
    expect(buffer.status()).toMatchObject({ added: 6, queued: 4, dropped: 2 });
    await buffer.close();
    expect(idsOf(bus)).toEqual(['2', '3', '4', '5']);
    expect(buffer.status()).toMatchObject({ added: 6, queued: 0, dropped: 2, published: 4 });
    expect(troubles).toEqual(['events are being dropped: the queue is full (4 events)']);
  });

  it('gives up at its end what can not be published, and counts it', async () => {
    const bus = new ListeningBus();
    bus.failing = true;
    const buffer = createEventBuffer({ publish: bus.publish, maxQueued: 4, closeWithinMs: 20, retryAfterMs: 5 });
    for (let id = 0; id < 6; id += 1) buffer.add(generationEvent(id));
    await buffer.close();
    expect(buffer.status()).toMatchObject({ added: 6, queued: 0, dropped: 6, published: 0 });
  });

  it('says at once when a publish does not return, and how long it took when it has', async () => {
    const troubles: string[] = [];
    const answers: (() => void)[] = [];
    const buffer = createEventBuffer({
      publish: () => new Promise((resolve) => void answers.push(resolve)),
      slowAfterMs: 10,
      onTrouble: (message) => troubles.push(message),
    });
    buffer.add(generationEvent(1));
    await expect.poll(() => troubles).toEqual(['publishing 1 events has not returned for 10 ms; 1 are queued']);
    expect(buffer.status().publishingForMs).toBeGreaterThan(9);
    answers[0]?.();
    await expect.poll(() => troubles).toHaveLength(2);
    expect(troubles[1]).toMatch(/^the publish has returned after \d+ ms$/);
    expect(buffer.status()).toMatchObject({ published: 1, publishingForMs: 0 });
    await buffer.close();
  });

  it('tries again what was never answered', async () => {
    const bus = new ListeningBus();
    let calls = 0;
    const buffer = createEventBuffer({
      publish: (records) => ((calls += 1) === 1 ? new Promise(() => undefined) : bus.publish(records)),
      answerWithinMs: 10,
      retryAfterMs: 1,
    });
    buffer.add(generationEvent(1));
    await expect.poll(() => buffer.status()).toMatchObject({ published: 1, failedAttempts: 1 });
    await buffer.close();
  });

  it('drops an event that the bus will never take alone, and says which', async () => {
    const bus = new ListeningBus();
    const refusal = Object.assign(new Error('too large'), { name: 'RecordRefusedError' });
    const troubles: string[] = [];
    const buffer = createEventBuffer({
      publish: (records) =>
        records.some(({ headers }) => headers['ce_id'] === '2') ? Promise.reject(refusal) : bus.publish(records),
      onTrouble: (message) => troubles.push(message),
    });
    for (const id of [1, 2, 3]) buffer.add(generationEvent(id));
    await buffer.flush();
    expect(bus.records.map(({ headers }) => headers['ce_id'])).toEqual(['1', '3']);
    expect(buffer.status()).toMatchObject({ added: 3, published: 2, dropped: 1, queued: 0 });
    expect(troubles).toEqual(['an event is dropped: too large (id 2)']);
    await buffer.close();
  });

  it('a bus that never answers holds neither the caller nor the close for long', async () => {
    const buffer = createEventBuffer({ publish: () => new Promise(() => {}), closeWithinMs: 20 });
    buffer.add(generationEvent(1));
    await buffer.close();
    expect(buffer.status()).toMatchObject({ dropped: 1, queued: 0 });
    expect(buffer.add(generationEvent(2))).toBe(false);
  });
});

describe('spool', () => {
  it('takes what memory has no room for, and gives it back in order when the bus is there again', async () => {
    const bus = new ListeningBus();
    bus.failing = true;
    const buffer = aSpoolingBuffer(bus, aFolder());
    for (let id = 0; id < 20; id += 1) {
      buffer.add(generationEvent(id));
      await expect.poll(() => buffer.status().queued).toBeLessThanOrEqual(6);
    }
    expect(buffer.status()).toMatchObject({ added: 20, dropped: 0, published: 0 });
    expect(buffer.status().spooled).toBeGreaterThan(9);
    bus.failing = false;
    await expect.poll(() => buffer.status()).toMatchObject({ published: 20, spooled: 0, queued: 0 });
    expect(idsOf(bus)).toEqual(idsUpTo(20));
    await buffer.close();
  });

  it('keeps what is left at the end for the next process, the batch that was under way first', async () => {
    const folder = aFolder();
    const away = new ListeningBus();
    away.failing = true;
    const first = aSpoolingBuffer(away, folder);
    for (let id = 0; id < 20; id += 1) {
      first.add(generationEvent(id));
      await expect.poll(() => first.status().queued).toBeLessThanOrEqual(6);
    }
    await first.close();
    expect(first.status()).toMatchObject({ added: 20, dropped: 0, queued: 0, spooled: 20 });
    // A process that was killed while it wrote.
    writeFileSync(join(folder, '000000000001-3.jsonl.part'), '{"half');
    const bus = new ListeningBus();
    const second = aSpoolingBuffer(bus, folder);
    second.add(generationEvent(20));
    await expect.poll(() => second.status()).toMatchObject({ added: 21, published: 21, spooled: 0 });
    expect(idsOf(bus)).toEqual(idsUpTo(21));
    await second.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('writes through no link that somebody has laid into its folder, and publishes nothing that one leads to', async () => {
    const [folder, elsewhere] = [aFolder(), aFolder()];
    const [theirs, forged] = [join(elsewhere, 'theirs'), join(elsewhere, 'forged')];
    writeFileSync(theirs, 'theirs');
    writeFileSync(forged, `${JSON.stringify(generationEvent(666))}\n`);
    // The first batch has 3 events, and the number after which a spool counts.
    symlinkSync(theirs, join(folder, '001000000001-3.jsonl.part'));
    symlinkSync(theirs, join(folder, '001000000001-3.jsonl'));
    symlinkSync(forged, join(folder, '000000000007-1.jsonl'));
    const bus = new ListeningBus();
    bus.failing = true;
    const buffer = aSpoolingBuffer(bus, folder);
    symlinkSync(theirs, join(folder, '001000000002-3.jsonl.part'));
    for (let id = 0; id < 12; id += 1) {
      buffer.add(generationEvent(id));
      await expect.poll(() => buffer.status().queued).toBeLessThanOrEqual(6);
    }
    bus.failing = false;
    await expect.poll(() => buffer.status()).toMatchObject({ added: 12, published: 12, spooled: 0 });
    expect(idsOf(bus)).toEqual(idsUpTo(12));
    expect(readFileSync(theirs, 'utf8')).toBe('theirs');
    await buffer.close();
  });

  it.runIf(process.getuid?.() === 0)('publishes and removes nothing that another account has put there', async () => {
    const folder = aFolder();
    const planted = join(folder, '000000000007-1.jsonl');
    writeFileSync(planted, `${JSON.stringify(generationEvent(666))}\n`);
    chownSync(planted, 12_345, 12_345);
    const bus = new ListeningBus();
    const buffer = aSpoolingBuffer(bus, folder);
    buffer.add(generationEvent(1));
    await buffer.close();
    expect(idsOf(bus)).toEqual(['1']);
    expect(readdirSync(folder)).toEqual(['000000000007-1.jsonl']);
  });

  it('drops the oldest beyond its size, and what can not be read or written, and says so', async () => {
    const folder = aFolder();
    const away = new ListeningBus();
    away.failing = true;
    const troubles: string[] = [];
    const onTrouble = (message: string): void => void troubles.push(message);
    const first = aSpoolingBuffer(away, folder, { spool: { folder, largestBytes: 1_000 }, onTrouble });
    for (let id = 0; id < 20; id += 1) {
      first.add(generationEvent(id));
      await expect.poll(() => first.status().queued).toBeLessThanOrEqual(6);
    }
    await first.close();
    const { spooled, dropped } = first.status();
    expect(spooled + dropped).toBe(20);
    expect(spooled).toBeGreaterThan(0);
    expect(spooled).toBeLessThanOrEqual(3);
    expect(troubles).toContain('events are being dropped: the spool is full');
    const [name] = readdirSync(folder);
    writeFileSync(join(folder, name!), '{"half');
    const bus = new ListeningBus();
    const second = aSpoolingBuffer(bus, folder, { onTrouble });
    second.add(generationEvent(20));
    await expect
      .poll(() => second.status())
      .toMatchObject({ added: spooled + 1, published: 1, dropped: spooled, spooled: 0 });
    expect(troubles.at(-1)).toMatch(/^events are being dropped: the spool can't be read/);
    await second.close();
  });
});

describe('fingerprint and digest', () => {
  it('is that of canonical JSON (RFC 8785): numbers as ECMAScript writes them, names in the order of their UTF-16', () => {
    // RFC 8785, section 3.2.2 and 3.2.3.
    const values = {
      numbers: [JSON.parse('333333333.33333329') as number, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    };
    expect(canonicalJson(values)).toBe('{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}');
    expect(
      canonicalJson({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }),
    ).toBe('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}');
    expect(canonicalJson([-0, 1e21, 1e20, 7.0])).toBe('[0,1e+21,100000000000000000000,7]');
    expect(fingerprintOf({ guidance: 7.0 })).toBe(
      fingerprintOf(JSON.parse('{"guidance":7}') as object as { guidance: number }),
    );
  });

  it('is the same whatever the order of the fields, and another one for any changed value', () => {
    const { checkpoint = '', ...others } = example.config;
    expect(fingerprintOf({ ...others, checkpoint })).toBe(fingerprintOf(example.config));
    expect(fingerprintOf({ ...example.config, steps: 13 })).not.toBe(fingerprintOf(example.config));
    expect(fingerprintOf({ checkpoint: 'c', sampler: 's', steps: 1, precision: 'fp16' })).toMatch(/^[0-9a-f]{16}$/);
  });

  it('is that of Python’s json.dumps with sorted keys, also of a nested configuration', () => {
    // hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()[:16]
    expect(fingerprintOf({ z: [1, { b: null, a: 'é' }], a: { y: 0.5, x: true } })).toBe('f513e41a698cc760');
  });

  it('is the published SHA-256 of the bytes', () => {
    // FIPS 180-2, appendix B.1.
    expect(sha256Of('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
