import { expect, it } from 'vitest';
import { encodeEvent, stampEvent, topics, type EventDraft, type RouterHeartbeat } from '#libs/contracts';
import { createEventBus, ensureTopics } from '#libs/messaging';
import { RouterWatch } from './router-watch.js';

const beatOf = (data: Omit<RouterHeartbeat, 'at' | 'brokenGlass' | 'leaving'>, atMs: number) => {
  const draft = {
    type: topics.routerHeartbeat.name,
    id: `${data.router}-${atMs}-${JSON.stringify(data)}`,
    timeMs: atMs,
    subject: data.router,
    data: { at: new Date(atMs).toISOString(), brokenGlass: [], leaving: false, ...data },
  };
  return encodeEvent(stampEvent(draft as EventDraft, 'test'));
};

const of = (variant: string, longerThan: number[], revision = 2) => ({
  experiment: 'sdxl',
  revision,
  variant,
  longerThan,
});

it('adds up what all live routers say of requests without an end', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  let nowMs = 1_000_000;
  const watch = new RouterWatch(bus, 'decision-a', { nowMs: () => nowMs }, () => undefined);
  await watch.start();
  const services = {};
  await bus.publish([
    beatOf({ router: 'a', services, underWay: [of('candidate', [3, 2]), of('control', [1, 0])] }, nowMs),
    beatOf({ router: 'b', services, underWay: [of('candidate', [4, 0]), of('candidate', [9, 9], 1)] }, nowMs),
    // A router of before.
    beatOf({ router: 'c', services }, nowMs),
  ]);
  await expect.poll(() => watch.underWayOf('sdxl', 2)).toEqual({ candidate: [7, 2], control: [1, 0] });
  expect(watch.underWayOf('another', 2)).toBeUndefined();
  nowMs += 3_000;
  await bus.publish([beatOf({ router: 'b', services, underWay: [of('candidate', [1, 1])] }, nowMs)]);
  await expect.poll(() => watch.underWayOf('sdxl', 2)).toEqual({ candidate: [4, 3], control: [1, 0] });
  nowMs += 3_000;
  expect(watch.underWayOf('sdxl', 2)).toEqual({ candidate: [1, 1] });
  await watch.close();
  await bus.close();
});

it('remembers no more routers than there can be: names beyond a thousand are made up', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  let nowMs = 1_000_000;
  const watch = new RouterWatch(bus, 'decision-a', { nowMs: () => nowMs }, () => undefined);
  await watch.start();
  const beat = (router: string, epoch = 1) => beatOf({ router, services: { s: epoch } }, nowMs);
  // The last one is of a name that is known: when it is told, all before it are.
  await bus.publish([...Array.from({ length: 1_500 }, (_, index) => beat(`made-up-${index}`)), beat('made-up-0', 2)]);
  await expect.poll(() => watch.liveOn('s')).toContainEqual({ router: 'made-up-0', epoch: 2 });
  expect(watch.liveOn('s')).toHaveLength(1_000);
  nowMs += 10_000;
  await bus.publish([beat('router-1')]);
  await expect.poll(() => watch.liveOn('s')).toEqual([{ router: 'router-1', epoch: 1 }]);
  await watch.close();
  await bus.close();
});
