import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listen } from './plain-server.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function aServer(): Server {
  const server = createServer();
  servers.push(server);
  return server;
}

describe('a server that can not listen', () => {
  it('names the variable of a port that is taken', async () => {
    const first = aServer();
    await listen(first, { port: 0, host: '127.0.0.1', variable: 'ROUTER_PORT' });
    const { port } = first.address() as AddressInfo;
    await expect(listen(aServer(), { port, host: '127.0.0.1', variable: 'ROUTER_PORT' })).rejects.toThrow(
      `ROUTER_PORT=${port} is taken on 127.0.0.1; set another one or 0`,
    );
  });

  it.each(['no-such-host.invalid', '192.0.2.1'])('names HOST for an address of another machine: %s', async (host) => {
    await expect(listen(aServer(), { port: 0, host, variable: 'ROUTER_PORT' })).rejects.toThrow(
      `HOST=${host} is no address of this machine`,
    );
  });
});
