import { describe, expect, it } from 'vitest';
import { createEventBus } from './create-event-bus.js';
import { ensureTopics } from './ensure-topics.js';
import type { OpenBus } from './open-bus.js';
import { createReconnectingBus } from './reconnecting-bus.js';

const record = { topic: 'request.routed.v1', key: 'user-1', headers: {}, value: Buffer.from('{}') };

describe('a bus that is away at the start', () => {
  it('fails every use until it can be opened, and is asked to open by every use', async () => {
    let isAway = true;
    let attempts = 0;
    const bus = createReconnectingBus(() => {
      attempts += 1;
      return isAway ? Promise.reject(new Error('away')) : openMemoryBus();
    });
    await expect(bus.open()).rejects.toThrow('away');
    await expect(bus.publish([record])).rejects.toThrow('the event bus is not open yet');
    isAway = false;
    await expect.poll(() => bus.publish([record]).then(() => 'published')).toBe('published');
    expect(attempts).toBeGreaterThan(1);
    expect(await bus.readAll('request.routed.v1')).toHaveLength(1);
    await bus.close();
  });

  it('closes what is opened after it was closed', async () => {
    let closed = false;
    const bus = createReconnectingBus(async () => {
      const opened = await openMemoryBus();
      return { bus: opened.bus, close: () => opened.close().then(() => void (closed = true)) };
    });
    const opening = bus.open();
    await bus.close();
    await opening;
    expect(closed).toBe(true);
  });
});

async function openMemoryBus(): Promise<OpenBus> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  return { bus, close: () => bus.close() };
}
