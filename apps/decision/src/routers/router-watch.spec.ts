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
  const beat = (router: string) => {
    const data = { router, at: new Date(nowMs).toISOString(), services: { s: 1 }, brokenGlass: [], leaving: false };
    const draft = { type: topics.routerHeartbeat.name, id: `${router}-${nowMs}`, timeMs: nowMs, subject: router, data };
    return encodeEvent(stampEvent(draft as EventDraft, 'test'));
  };
  await bus.publish(Array.from({ length: 1_500 }, (_, index) => beat(`made-up-${index}`)));
  await expect.poll(() => watch.liveOn('s').length).toBe(1_000);
  nowMs += 10_000;
  await bus.publish([beat('router-1')]);
  await expect.poll(() => watch.liveOn('s')).toEqual([{ router: 'router-1', epoch: 1 }]);
  await watch.close();
  await bus.close();
});
