import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { limitRest, MOST_REST_BYTES } from './limit-rest.js';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Sends a body that is refused at once. @returns what was sent of it, and what was answered, when the connection ended or all was sent. */
async function refused(bytes: number, withinMs?: number): Promise<{ sent: number; answer: string; isCut: boolean }> {
  server = createServer((request, response) => {
    response.once('close', () => limitRest(request, withinMs));
    response.writeHead(401).end('refused');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let [answer, sent] = ['', 0];
  socket.on('data', (piece) => (answer += piece.toString()));
  socket.on('error', () => undefined);
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`);
  const piece = Buffer.alloc(64 * 1024);
  while (sent < bytes && !socket.destroyed) {
    const isTaken = socket.write(piece.subarray(0, bytes - sent));
    sent += Math.min(piece.length, bytes - sent);
    if (!isTaken) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
  }
  if (!socket.destroyed) await new Promise((resolve) => setTimeout(resolve, 200));
  const isCut = socket.destroyed;
  socket.destroy();
  return { sent, answer, isCut };
}

it('lets a client that sends what is refused read its answer, and use the connection again', async () => {
  const bytes = 8 * 1024 * 1024;
  const { sent, answer, isCut } = await refused(bytes);
  expect([sent, isCut]).toEqual([bytes, false]);
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
});

it('ends the connection of who goes on for ever', async () => {
  const { sent, answer, isCut } = await refused(2 * 1024 ** 3);
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  expect(isCut).toBe(true);
  // Between two looks some more comes.
  expect(sent).toBeLessThan(16 * MOST_REST_BYTES);
});

it('ends the connection of who sends the rest too slowly', async () => {
  const asked = refused(Number.MAX_SAFE_INTEGER, 50);
  await expect(asked).resolves.toMatchObject({ isCut: true });
});
