import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'vitest';
import { ApiClient } from './api-client.js';

it.concurrent('sends an order again whose answer was lost, or is not there yet, under the key that it had', async ({
  expect,
}) => {
  const keys: unknown[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length === 1) return void request.socket.destroy();
    if (keys.length === 2) response.writeHead(409, { 'retry-after': '1', 'content-type': 'application/problem+json' });
    else response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
  const url = await listening(server);
  const client = new ApiClient({ what: 'decision service', url, token: undefined, how: '' });
  try {
    expect(await client.send('POST', '/v1/services/a/pause', {})).toEqual({});
    expect(await client.send('POST', '/v1/services/a/pause', {})).toEqual({});
  } finally {
    server.close();
  }
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0], keys[0], expect.any(String)]);
  expect(keys[3]).not.toBe(keys[0]);
});

it.concurrent('waits for a server that went with an order until it is back, and for none that was never there', async ({
  expect,
}) => {
  const first = createServer((request) => {
    request.socket.destroy();
    first.close();
  });
  const url = await listening(first);
  const client = new ApiClient({ what: 'decision service', url, token: undefined, how: 'Say where.' });
  const next = createServer((_request, response) => response.setHeader('content-type', 'application/json').end('{}'));
  setTimeout(() => next.listen(Number(new URL(url).port), '127.0.0.1'), 1_500);
  expect(await client.send('POST', '/v1/services/a/pause', {})).toEqual({});
  next.closeAllConnections();
  await new Promise((resolve) => next.close(resolve));
  await expect(client.send('POST', '/v1/services/a/pause', {})).rejects.toThrow(/nobody listens there.*Say where/);
});

it.concurrent('says of an order whose answer was lost for good that it may have been taken', async ({ expect }) => {
  const server = createServer((request) => void request.socket.destroy());
  const url = await listening(server);
  const client = new ApiClient({ what: 'decision service', url, token: undefined, how: '' });
  await expect(client.send('POST', '/v1/services/a/pause', {})).rejects.toThrow(/Whether the order was taken/);
  await expect(client.get('/v1/services/a')).rejects.toThrow(/can't be reached.*the connection broke/);
  server.close();
});

it.concurrent('reads no answer without an end, whether it says how long it is or not', async ({ expect }) => {
  const megabyte = Buffer.alloc(1024 * 1024, ' ');
  let sent = 0;
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    const more = (): void => {
      while (!response.destroyed && response.write(megabyte)) sent += 1;
    };
    response.on('drain', more);
    more();
  });
  const url = await listening(server);
  const client = new ApiClient({ what: 'reports service', url, token: undefined, how: '' });
  try {
    await expect(client.get('/api/experiments')).rejects.toThrow('an answer of more than 67108864 bytes');
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect(sent).toBeLessThan(200);
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
