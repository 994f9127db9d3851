import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { ApiClient } from './api-client.js';

it('sends an order again whose answer was lost, or is not there yet, under the key that it had', async () => {
  const keys: unknown[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length === 1) return void request.socket.destroy();
    if (keys.length === 2) response.writeHead(409, { 'retry-after': '1', 'content-type': 'application/problem+json' });
    else response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
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

it('reads no answer without an end, whether it says how long it is or not', async () => {
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new ApiClient({ what: 'reports service', url, token: undefined, how: '' });
  try {
    await expect(client.get('/api/experiments')).rejects.toThrow('an answer of more than 67108864 bytes');
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect(sent).toBeLessThan(200);
});
