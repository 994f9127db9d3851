import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeEvent, examples, type TopicName } from '#libs/contracts';
import { createEventBus } from '../create-event-bus.js';
import { ensureTopics } from '../ensure-topics.js';
import { RecordRefusedError, type EventBus, type OutgoingRecord, type Subscription } from '../event-bus.js';
import { consumeEvents, type ConsumerOptions, type TopicHandler } from './consumer.js';
import { deadLetterHeaders, UnprocessableEventError } from './dead-letters.js';

const TOPIC = 'preference.judged.v1';
const example = examples.find(({ type }) => type === TOPIC)!;

describe.each(['event', 'batch'] as const)('a consumer that takes one %s at a time', (takes) => {
  let bus: EventBus;
  let handled: string[];
  let warnings: string[];
  let open: Subscription[];
  beforeEach(async () => {
    bus = await createEventBus({ carrier: 'memory' });
    await ensureTopics(bus, 1);
    [handled, warnings, open] = [[], [], []];
  });
  afterEach(async () => {
    await Promise.all(open.map((subscription) => subscription.close()));
    await bus.close();
  });

  const consume = (handleOne: (id: string) => void, options: Partial<ConsumerOptions> = {}): Subscription => {
    const one = (id: string): void => {
      handleOne(id);
      handled.push(id);
    };
    const handler: TopicHandler =
      takes === 'event'
        ? { takes, handle: async ({ event }) => one(event.id) }
        : {
            takes,
            // As a transaction does: all of them or none.
            handle: async ({ events }) => {
              for (const { event } of events) handleOne(event.id);
              handled.push(...events.map(({ event }) => event.id));
            },
          };
    const log = { warn: (line: string) => void warnings.push(line) };
    const subscription = consumeEvents({ bus, group: 'g', handlers: new Map([[TOPIC, handler]]), log, ...options });
    open.push(subscription);
    return subscription;
  };

  it('may take the newest events of each key alone: thousands of one key delay no other', async () => {
    await bus.publish([
      ...Array.from({ length: 2_000 }, (_, index) => ({ ...judged(`flood-${index}`), key: 'flooded' })),
      { ...judged('a'), key: 'quiet' },
      { ...judged('flood-last'), key: 'flooded' },
    ]);
    consume(() => undefined, { newest: { [TOPIC]: 2 }, startFrom: 'earliest' });
    await vi.waitFor(() => expect(handled).toContain('flood-last'), { timeout: 5_000 });
    expect(handled.filter((id) => id === 'a')).toHaveLength(1);
    expect(handled.length).toBeLessThan(50);
    expect(handled.at(-1)).toBe('flood-last');
  });

  it('buries a malformed record byte for byte, says it once, and goes on', async () => {
    let failures = 0;
    consume((id) => {
      if (id === 'b' && ++failures < 3) throw new Error('not yet');
    });
    const poison = { ...judged('x'), value: Buffer.from([0xff, 0x00]) };
    await bus.publish([judged('a'), poison, judged('b')]);
    await vi.waitFor(() => expect(handled).toEqual(['a', 'b']), { timeout: 5_000 });
    const dead = await bus.readAll(`${TOPIC}.dead`);
    expect(dead.map(({ value }) => value)).toEqual([poison.value]);
    expect(dead[0]!.headers[deadLetterHeaders.offset]?.toString()).toBe('1');
    expect(warnings).toEqual([expect.stringContaining('preference.judged.v1/0 at offset 1 goes to')]);
  });

  it('loses nothing while the dead letters can not be published', async () => {
    let isAway = true;
    const publish = (records: readonly OutgoingRecord[]): Promise<void> =>
      isAway ? Promise.reject(new Error('away')) : bus.publish(records);
    const subscription = consume(() => undefined, {
      bus: { publish, subscribe: (options) => bus.subscribe(options) },
    });
    await bus.publish([{ ...judged('x'), value: null }, judged('a')]);
    await vi.waitFor(() => expect(subscription.health().consecutiveFailures).toBeGreaterThan(1));
    expect(handled).toEqual([]);
    isAway = false;
    await vi.waitFor(() => expect(handled).toEqual(['a']), { timeout: 5_000 });
    expect(await bus.readAll(`${TOPIC}.dead`)).toHaveLength(1);
  });

  it('buries a record that is too large for the dead letters without its value, and goes on', async () => {
    const publish = (records: readonly OutgoingRecord[]): Promise<void> =>
      records.some(({ value }) => (value?.length ?? 0) > 1_000)
        ? Promise.reject(new RecordRefusedError('too large'))
        : bus.publish(records);
    consume(() => undefined, { bus: { publish, subscribe: (options) => bus.subscribe(options) } });
    const large = { ...judged('x'), value: Buffer.alloc(1_001) };
    await bus.publish([{ ...judged('x'), value: Buffer.from('small') }, large, judged('a')]);
    await vi.waitFor(() => expect(handled).toEqual(['a']), { timeout: 5_000 });
    const dead = await bus.readAll(`${TOPIC}.dead`);
    expect(
      dead.map(({ value, headers }) => [value?.toString(), String(headers[deadLetterHeaders.valueBytes])]),
    ).toEqual([
      ['small', 'undefined'],
      [undefined, '1001'],
    ]);
  });

  it('isolates the events of one experiment that can not be handled; the others keep their pace', async () => {
    const attempts: string[] = [];
    consume(
      (id) => {
        attempts.push(id);
        if (id.startsWith('broken')) throw new Error('its log is broken');
      },
      { probe: () => Promise.resolve() },
    );
    await bus.publish([judged('a'), judged('broken-1', 'broken'), judged('b'), judged('c')]);
    const sentAt = performance.now();
    await vi.waitFor(() => expect(handled).toEqual(['a', 'b', 'c']), { timeout: 5_000 });
    expect(performance.now() - sentAt).toBeLessThan(2_000);
    await bus.publish([judged('broken-2', 'broken'), judged('d')]);
    await vi.waitFor(() => expect(handled).toEqual(['a', 'b', 'c', 'd']), { timeout: 5_000 });
    // A known offender waits for no further attempts of its own.
    const attemptsOf = (wanted: string): number => attempts.filter((id) => id === wanted).length;
    expect(attemptsOf('broken-2')).toBeLessThan(attemptsOf('broken-1'));
    const reasons = (await bus.readAll(`${TOPIC}.dead`)).map(({ headers }) =>
      String(headers[deadLetterHeaders.reason]),
    );
    expect(reasons).toEqual(['its log is broken', 'its log is broken']);
  });

  it('settles one broken event after the other, each in the same short time', async () => {
    consume(
      (id) => {
        if (id.startsWith('broken')) throw new Error('its log is broken');
      },
      { probe: () => Promise.resolve() },
    );
    const sentAt = performance.now();
    await bus.publish([1, 2, 3, 4, 5].flatMap((n) => [judged(`broken-${n}`, `experiment-${n}`), judged(`fine-${n}`)]));
    await vi.waitFor(() => expect(handled).toHaveLength(5), { timeout: 10_000 });
    expect(performance.now() - sentAt).toBeLessThan(3_000);
  });

  it('gives nothing up while what the handler depends on is away', async () => {
    let isAway = true;
    const subscription = consume(
      () => {
        if (isAway) throw new Error('the database is away');
      },
      { probe: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()) },
    );
    await bus.publish([judged('a'), judged('b')]);
    await vi.waitFor(() => expect(subscription.health().consecutiveFailures).toBeGreaterThan(4), { timeout: 5_000 });
    isAway = false;
    await vi.waitFor(() => expect(handled).toEqual(['a', 'b']), { timeout: 5_000 });
    expect(await bus.readAll(`${TOPIC}.dead`)).toEqual([]);
  });

  it('stops giving up when everything fails: then the handler is broken, not the events', async () => {
    const subscription = consume(
      () => {
        throw new Error('a column is missing');
      },
      { probe: () => Promise.resolve() },
    );
    await bus.publish(Array.from({ length: 60 }, (_, index) => judged(`e${index}`, 'same')));
    await vi.waitFor(() => expect(subscription.health().consecutiveFailures).toBeGreaterThan(4), { timeout: 10_000 });
    expect((await bus.readAll(`${TOPIC}.dead`)).length).toBeLessThanOrEqual(20);
  });
});

describe('a consumer that keeps its own position', () => {
  let bus: EventBus;
  let subscription: Subscription;
  beforeEach(async () => {
    bus = await createEventBus({ carrier: 'memory' });
    await ensureTopics(bus, 1);
  });
  afterEach(async () => {
    await subscription.close();
    await bus.close();
  });

  const consume = (handle: Extract<TopicHandler, { takes: 'batch' }>['handle'], from: ConsumerOptions['bus'] = bus) => {
    const handlers = new Map([[TOPIC, { takes: 'batch', handle } as const]]);
    subscription = consumeEvents({ bus: from, group: 'g', handlers, probe: () => Promise.resolve() });
  };
  const allHandled = () => vi.waitFor(async () => expect(await subscription.lag()).toEqual({ [TOPIC]: 0 }));

  it('moves it past an event that went to the dead letters, also where none follows', async () => {
    const positions: number[] = [];
    consume(async ({ events, nextOffset }) => {
      if (events.some(({ event }) => event.id === 'broken')) throw new UnprocessableEventError('no such experiment');
      positions.push(nextOffset);
    });
    await bus.publish([judged('a'), judged('broken')]);
    await vi.waitFor(() => expect(positions).toEqual([1, 2]));
    expect(await bus.readAll(`${TOPIC}.dead`)).toHaveLength(1);
  });

  it('gives up no event of a partition that was taken away while it was handled', async () => {
    let isTaken = false;
    const taken: ConsumerOptions['bus'] = {
      publish: (records) => bus.publish(records),
      subscribe: (options) =>
        bus.subscribe({
          ...options,
          handler: (batch) => options.handler({ ...batch, heartbeat: () => batch.heartbeat(), isStale: () => isTaken }),
        }),
    };
    consume(() => {
      isTaken = true;
      return Promise.reject(new UnprocessableEventError('its transaction is fenced'));
    }, taken);
    await bus.publish([judged('a')]);
    await vi.waitFor(() => expect(isTaken).toBe(true));
    await allHandled();
    expect(await bus.readAll(`${TOPIC}.dead`)).toEqual([]);
  });
});

function judged(id: string, subject = 'fine'): OutgoingRecord {
  return encodeEvent({ ...example, id, subject } as typeof example & { type: TopicName });
}
