import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { encodeEvent, examples, topics } from '#libs/contracts';
import { createEventBus } from '../create-event-bus.js';
import { ensureTopics } from '../ensure-topics.js';
import { UnknownTopicError, type EventBus, type OutgoingRecord, type Subscription } from '../event-bus.js';
import { consumeEvents } from './consumer.js';
import { readDeadLetters, redriveDeadLetters, whyNotRedriven } from './dead-letter-box.js';
import { deadLetter, UnprocessableEventError } from './dead-letters.js';

const TOPIC = topics.preferenceJudged.name;
const example = examples.find(({ type }) => type === TOPIC)!;
const NOW_MS = Date.parse('2026-11-27T10:00:00Z');

let bus: EventBus;
let open: Subscription[];
beforeEach(async () => {
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((subscription) => subscription.close()));
  await bus.close();
});

/** What a group handles, and gives up while it is broken. */
function group(name: string, isBroken: () => boolean): string[] {
  const handled: string[] = [];
  open.push(
    consumeEvents({
      bus,
      group: name,
      log: { warn: () => undefined },
      handlers: new Map([
        [
          TOPIC,
          {
            takes: 'event',
            handle: async ({ event }) => {
              if (isBroken()) throw new UnprocessableEventError('the column is missing');
              handled.push(event.id);
            },
          },
        ],
      ]),
    }),
  );
  return handled;
}

function judged(id: string): OutgoingRecord {
  return encodeEvent({ ...example, id });
}

it('lists what was given up, with who and why, as it was received; published again it comes to that group alone, once', async () => {
  let isBroken = true;
  const recorded = group('recorder', () => isBroken);
  const folded = group('analyzer', () => false);
  await bus.publish([judged('a'), judged('b')]);
  await vi.waitFor(async () => expect(await readDeadLetters(bus, [TOPIC])).toHaveLength(2));
  const [first, second] = await readDeadLetters(bus);
  expect(first).toMatchObject({
    id: `${TOPIC}:0`,
    topic: TOPIC,
    group: 'recorder',
    reason: 'the column is missing',
    partition: 0,
    offset: 0,
    redrivenAt: undefined,
  });
  expect(first?.value).toEqual(judged('a').value);
  expect(Object.keys(first!.headers).sort()).toEqual(Object.keys(judged('a').headers).sort());
  isBroken = false;
  await redriveDeadLetters(bus, [second!], NOW_MS);
  await vi.waitFor(() => expect(recorded).toEqual(['b']));
  await bus.publish([judged('c')]);
  await vi.waitFor(() => expect(folded).toEqual(['a', 'b', 'c']));
  const letters = await readDeadLetters(bus, [TOPIC]);
  expect(letters.map(({ id, redrivenAt }) => [id, redrivenAt])).toEqual([
    [`${TOPIC}:0`, undefined],
    [`${TOPIC}:1`, '2026-11-27T10:00:00.000Z'],
  ]);
});

it('what is wrong in itself is given up again, as another letter that names the group once', async () => {
  const handled = group('recorder', () => false);
  await bus.publish([{ ...judged('a'), value: Buffer.from('{"half') }]);
  await vi.waitFor(async () => expect(await readDeadLetters(bus, [TOPIC])).toHaveLength(1));
  await redriveDeadLetters(bus, await readDeadLetters(bus, [TOPIC]), NOW_MS);
  await vi.waitFor(async () => expect(await readDeadLetters(bus, [TOPIC])).toHaveLength(2));
  const letters = await readDeadLetters(bus, [TOPIC]);
  expect(letters.map(({ offset, redrivenAt }) => [offset, redrivenAt !== undefined])).toEqual([
    [0, true],
    [1, false],
  ]);
  expect(letters[1]!.headers).toEqual(letters[0]!.headers);
  expect(handled).toEqual([]);
});

it('neither orders nor what the bus has refused can be published again', async () => {
  const [record] = await received(judged('a'));
  const why = { reason: 'because', group: 'g', nowMs: NOW_MS };
  const letter = deadLetter(record!, why);
  const order = { ...letter, topic: `${topics.allocationCommanded.name}.dead` };
  const cut = { ...letter, value: null, headers: { ...letter.headers, 'dead-value-bytes': '1500000' } };
  await bus.publish([order, cut]);
  const letters = await readDeadLetters(bus);
  expect(letters.map((one) => whyNotRedriven(one))).toEqual([
    'its 1500000 bytes were too many for the bus together with the reason: its sender has to send it again',
    `${topics.allocationCommanded.name} is said by the decision service alone, which says again what is in force by itself`,
  ]);
});

it('a bus that nobody has used has no letters to read', async () => {
  const empty = await createEventBus({ carrier: 'memory' });
  await expect(readDeadLetters(empty)).rejects.toThrow(UnknownTopicError);
  await empty.close();
});

async function received(record: OutgoingRecord) {
  await bus.publish([record]);
  return bus.readAll(TOPIC);
}
