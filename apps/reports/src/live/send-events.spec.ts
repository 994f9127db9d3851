import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Subject } from 'rxjs';
import { afterEach, expect, it } from 'vitest';
import { sendEvents } from './send-events.js';

let close: () => void = () => undefined;
afterEach(() => close());

async function aStream(texts: Subject<string>, unreadForMs?: number) {
  const server = createServer((_request, response) => {
    sendEvents(response, 'summary', texts, unreadForMs);
    server.emit('sent', response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const sent = once(server, 'sent') as Promise<[ServerResponse]>;
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  return { response: (await sent)[0], answer };
}

it('keeps the newest text alone for a client that does not read, and goes on when it does', async () => {
  const texts = new Subject<string>();
  const { response, answer } = await aStream(texts);
  const megabyte = 'x'.repeat(1024 * 1024);
  for (let number = 0; number < 300; number += 1) {
    texts.next(`${number} ${megabyte}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Of 300 MB.
  expect(response.writableLength).toBeLessThan(3 * megabyte.length);
  let end = '';
  answer.on('data', (chunk: Buffer) => (end = (end + chunk.toString()).slice(-2 * megabyte.length)));
  await expect.poll(() => end.includes('data: 299 '), { timeout: 10_000 }).toBe(true);
  texts.next('the last');
  await expect.poll(() => end.endsWith('event: summary\ndata: the last\n\n')).toBe(true);
});

it('lets go of a client that reads nothing for long, and of what it listened to', async () => {
  const texts = new Subject<string>();
  const { response } = await aStream(texts, 50);
  const megabyte = 'x'.repeat(1024 * 1024);
  while (!response.writableNeedDrain) {
    texts.next(megabyte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => response.destroyed).toBe(true);
  await expect.poll(() => texts.observed).toBe(false);
});

it('listens to nothing for a client that has gone before there was anything to send', async () => {
  const texts = new Subject<string>();
  const closed = new Promise<void>((resolve) => {
    const server = createServer((_request, response) => {
      response.on('close', () => {
        sendEvents(response, 'summary', texts);
        resolve();
      });
    });
    close = () => server.close();
    server.listen(0, '127.0.0.1', () => {
      const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
      request.on('error', () => undefined);
      server.on('request', () => request.destroy());
    });
  });
  await closed;
  expect(texts.observed).toBe(false);
});
