import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeEvent, examples, type EncodedEvent, type TopicName } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus, type OrderSigner } from '#libs/messaging';
import { OwnWord } from './own-word.js';

const signer: OrderSigner = {
  publicKey: 'own',
  sign: (record) => ({ ...record, headers: { ...record.headers, ce_signature: 'own' } }),
  hasSigned: ({ headers }) => headers['ce_signature']?.toString() === 'own',
};
const KEY = 'sdxl-int8';

let bus: EventBus;
let ownWord: OwnWord;
let nowMs = 0;
let isLocked = false;
/** Keys of what was said again. */
let saidAgain: string[];
let metrics: Registry;

beforeEach(async () => {
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  [nowMs, isLocked, saidAgain, metrics] = [0, false, [], new Registry()];
});
afterEach(async () => {
  await ownWord.close();
  await bus.close();
});

async function sayAgain(key: string): Promise<readonly EncodedEvent[]> {
  if (isLocked) throw new Error('its rows are locked');
  saidAgain.push(key);
  return [];
}

/** @param decided what its log has */
async function aController(decided: Readonly<Record<string, unknown>>[] = []): Promise<void> {
  ownWord = new OwnWord({
    bus,
    controller: 'decision-a',
    signer,
    trust: { refusalOf: (record) => (signer.hasSigned(record) ? undefined : 'it is not signed') },
    log: { sayAgain, sayServiceAgain: sayAgain },
    decisions: {
      knows: (name) => name === KEY,
      newestOrders: () => decided as never,
      forged: () => Promise.resolve(),
    },
    logger: { warn: () => undefined, error: () => undefined },
    metrics,
    nowMs: () => nowMs,
  });
  await ownWord.start();
}

function said(type: TopicName, changes: object, key = KEY): EncodedEvent {
  const example = examples.find((one) => one.type === type)!;
  return encodeEvent({ ...example, subject: key, data: { ...example.data, ...changes } } as typeof example);
}

const order = (epoch: number) => signer.sign(said('allocation.commanded.v1', { epoch }));
const policy = (number: number) => signer.sign(said('experiment.defined.v1', { policy: number }));

/** What is said again of what was published, once it was heard. */
async function answered(...records: readonly EncodedEvent[]): Promise<readonly string[]> {
  saidAgain = [];
  const before = await signsOfNobody();
  await bus.publish([...records, said('controller.heartbeat.v1', {}, 'nobody')]);
  await expect.poll(signsOfNobody).toBeGreaterThan(before);
  await ownWord.look();
  return saidAgain;
}

async function signsOfNobody(): Promise<number> {
  const { values } = await metrics.getSingleMetric('teststrip_decision_foreign_orders_total')!.get();
  return values.find(({ labels }) => labels['topic'] === 'controller.heartbeat.v1')?.value ?? 0;
}

it('says its newest order and definition again where somebody has published a signed one of before', async () => {
  await aController();
  expect(await answered(order(5), order(9), policy(1), policy(2))).toEqual([]);
  expect(await answered(order(5))).toEqual([KEY]);
  expect(await answered(order(9))).toEqual([]);
  expect(await answered(policy(1))).toEqual([KEY]);
  // Published twice, in order, as an outbox does that was interrupted.
  expect(await answered(policy(1), policy(2), order(5), order(9))).toEqual([]);
});

it('sees at its start that an order of before stands where its newest should be', async () => {
  await bus.publish([order(5)]);
  await aController([{ experiment: KEY, lastCommand: { epoch: 9 }, revision: 1, policy: 0 }]);
  expect(saidAgain).toEqual([KEY]);
});

it('lets what can not be said again now wait', async () => {
  await aController();
  isLocked = true;
  expect(await answered(said('allocation.commanded.v1', { epoch: 7 }))).toEqual([]);
  isLocked = false;
  expect(await answered()).toEqual([KEY]);
});

it('says its own again a while later where it was displaced more often than it answers', async () => {
  await aController();
  const answers: string[] = [];
  for (let times = 0; times < 10; times += 1)
    answers.push(...(await answered(said('allocation.commanded.v1', { epoch: 7 }))));
  expect(answers).toHaveLength(6);
  nowMs += 11 * 60_000;
  expect(await answered()).toEqual([KEY]);
  expect(await answered()).toEqual([]);
});

it('answers for what it knows, however many names somebody makes up', async () => {
  await aController();
  const madeUp = Array.from({ length: 300 }, (_, index) => said('service.defined.v1', {}, `made-up-${index}`));
  expect(await answered(...madeUp, said('allocation.commanded.v1', { epoch: 7 }))).toContain(KEY);
  expect(saidAgain.length).toBeLessThan(5);
});
