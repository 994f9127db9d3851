import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StoryTraffic } from './traffic.js';

const server = createServer((request, response) => {
  request.resume();
  response.end('{}');
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

it('keeps the pace it is given, also after it was held back, and sends everything', async () => {
  const traffic = new StoryTraffic({
    routerUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    service: 'paced',
    seed: 1,
    concurrency: 16,
    perSecond: 100,
    singleObjectShare: () => 0.35,
  });
  const startedAt = performance.now();
  traffic.pause();
  const sent = traffic.send(50);
  setTimeout(() => traffic.resume(), 300);
  await sent;
  // 50 requests at 100/s after 0.3 s: what was missed meanwhile is not made up for.
  expect(performance.now() - startedAt).toBeGreaterThan(700);
  expect(traffic.totals).toMatchObject({ sent: 50, answered: 50, failed: 0 });
  await traffic.close();
});
