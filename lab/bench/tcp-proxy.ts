import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface TcpProxyOptions {
  readonly host: string;
  readonly port: number;
  /** Where it listens. Default: any free port. */
  readonly listenAt?: number;
  /** Sees what clients send: one reader for each connection. */
  readonly reader?: () => { read(bytes: Buffer): void };
}

/** Stands between a server and its clients, and can make the way slow. */
export interface TcpProxy {
  readonly port: number;
  /** Each piece of data is so long on its way, milliseconds, in either direction. */
  delay(ms: number): void;
  close(): Promise<void>;
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: options.host, port: options.port, noDelay: true });
    client.setNoDelay(true);
    const reader = options.reader?.();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A side that breaks takes the other one with it.
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    void carry(client, upstream, () => delayMs, reader);
    void carry(upstream, client, () => delayMs);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listenAt ?? 0, '127.0.0.1', resolve);
  });
  return {
    port: portOf(server),
    delay: (ms) => void (delayMs = ms),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function carry(
  from: Socket,
  to: Socket,
  delayMs: () => number,
  reader?: { read(bytes: Buffer): void },
): Promise<void> {
  try {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      reader?.read(bytes);
      if (delayMs() > 0) await pause(delayMs());
      if (!to.write(bytes)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
    }
    to.end();
  } catch {
    to.destroy();
  }
}
