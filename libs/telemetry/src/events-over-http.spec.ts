import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { decodeStructuredEvent, encodeEvent, examples, type TeststripEvent } from '#libs/contracts';
import { createEventBuffer, eventsOverHttp, type EventBuffer } from './index.js';

const generation = examples.find(({ type }) => type === 'generation.completed.v1')!;
const TAKEN = ['generation.completed.v1'] as const;

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

/** A buffer that sends to a server which answers so, one after the other, and then takes everything. */
async function sender(...answers: readonly Answer[]) {
  const batches: string[][] = [];
  const headers: IncomingMessage['headers'][] = [];
  const left = [...answers];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = gunzipSync(await buffer(request)).toString();
    const events = (JSON.parse(text) as unknown[]).map((event) =>
      decodeStructuredEvent(JSON.stringify(event), TAKEN),
    ) as TeststripEvent[];
    batches.push(events.map(({ id }) => id));
    headers.push({ ...request.headers, path: request.url });
    const { status, body = {} } = left.shift() ?? { status: 202 };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const troubles: string[] = [];
  const { port } = server.address() as AddressInfo;
  const buffered: EventBuffer = createEventBuffer({
    publish: eventsOverHttp({ url: `http://127.0.0.1:${port}`, token: 'secret' }).publish,
    retryAfterMs: 1,
    onTrouble: (message) => troubles.push(message),
  });
  onTestFinished(async () => {
    await buffered.close();
    server.closeAllConnections();
    server.close();
  });
  for (const id of ['a', 'b', 'c']) buffered.add({ ...generation, id });
  await expect.poll(() => buffered.status().queued, { timeout: 10_000 }).toBe(0);
  return { batches, headers, troubles, status: buffered.status() };
}

it('says why nobody answers', async () => {
  const { publish } = eventsOverHttp({ url: 'http://127.0.0.1:9' });
  await expect(publish([encodeEvent(generation)])).rejects.toThrow(
    /^POST http:\/\/127\.0\.0\.1:9\/v1\/events: (connect ECONNREFUSED|bad port)/,
  );
});

it('sends batches of CloudEvents, packed, with the token', async () => {
  const { batches, headers, status } = await sender();
  expect(batches).toEqual([['a', 'b', 'c']]);
  expect(headers[0]).toMatchObject({ path: '/v1/events', authorization: 'Bearer secret', 'content-encoding': 'gzip' });
  expect(status).toMatchObject({ published: 3, dropped: 0 });
});

it('counts what is refused as dropped, and sends the others no second time', async () => {
  const events = [
    { id: 'a', status: 202 },
    { id: 'b', status: 403, detail: 'no role' },
    { id: 'c', status: 202 },
  ];
  const { batches, troubles, status } = await sender({ status: 207, body: { events } });
  expect(batches).toEqual([['a', 'b', 'c']]);
  expect(troubles).toEqual(['an event is dropped: no role (id b)']);
  expect(status).toMatchObject({ published: 2, dropped: 1 });
});

it('sends again what is not taken now, and alone what is too large together', async () => {
  const notYet = { events: [{ id: 'a', status: 404, detail: 'not recorded (yet)' }] };
  const { batches, troubles, status } = await sender(
    { status: 503, body: { detail: 'no broker' } },
    { status: 207, body: notYet },
    { status: 413, body: { detail: 'too long' } },
  );
  expect(batches).toEqual([['a', 'b', 'c'], ['a', 'b', 'c'], ['a', 'b', 'c'], ['a'], ['b'], ['c']]);
  expect(troubles[0]).toContain('503 no broker');
  expect(troubles[1]).toContain('207 not recorded (yet)');
  expect(status).toMatchObject({ published: 3, dropped: 0, failedAttempts: 2 });
});
