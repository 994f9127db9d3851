import { expect, it } from 'vitest';
import { encodeEvent, stampEvent, topics, type EventDraft } from '#libs/contracts';
import { createEventBus, ensureTopics } from '#libs/messaging';
import { RouterWatch } from './router-watch.js';

it('remembers no more routers than there can be: names beyond a thousand are made up', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  let nowMs = 1_000_000;
  const watch = new RouterWatch(bus, 'decision-a', { nowMs: () => nowMs }, () => undefined);
  await watch.start();
  const beat = (router: string, epoch = 1) => {
    const services = { s: epoch };
    const data = { router, at: new Date(nowMs).toISOString(), services, brokenGlass: [], leaving: false };
    const draft = {
      type: topics.routerHeartbeat.name,
      id: `${router}-${nowMs}-${epoch}`,
      timeMs: nowMs,
      subject: router,
      data,
    };
    return encodeEvent(stampEvent(draft as EventDraft, 'test'));
  };
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
