import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect } from 'vitest';

/** Takes what closes a thing when its test is over. */
type Later = (close: () => unknown) => unknown;

/** An upstream that is told of what comes over each connection, piece by piece, and answers byte for byte. */
export async function rawUpstream(answer: (socket: Socket, text: string) => unknown, later: Later): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => answer(socket, bytes.toString('latin1')));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  later(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A client that says a text as it stands, and keeps what it is told. */
export function rawClient(port: number, text: string, later: Later) {
  const socket = connect(port, '127.0.0.1', () => void socket.write(text, 'latin1')).setNoDelay();
  later(() => socket.destroy());
  let said = '';
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => (said += bytes.toString('latin1')));
  /** @returns all that was said until then */
  const until = async (what: string | RegExp): Promise<string> => {
    await expect.poll(() => said, { timeout: 5_000, interval: 2 }).toMatch(what);
    return said;
  };
  return { socket, said: () => said, until };
}
