import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnswerLimit, answerSignal } from './answer-limit.js';

/** Answers at once, and then the whole process stands still for longer than the limit. */
const server = createServer((_request, response) => {
  response.end(Buffer.alloc(300_000));
  setImmediate(() => standStill(3 * LIMIT_MS));
});
const LIMIT_MS = 60;
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

describe('who stood still itself', () => {
  it('takes an answer that lay in the socket meanwhile', async () => {
    const answer = await fetch(url, { signal: answerSignal(LIMIT_MS) });
    expect((await answer.arrayBuffer()).byteLength).toBe(300_000);
  });

  it('judges no timer before what has come was read', async () => {
    const came = await new Promise((resolve) => {
      const limit = new AnswerLimit(LIMIT_MS, () => resolve('late'));
      get(url, (response) => {
        limit.clear();
        response.resume();
        resolve('an answer');
      });
    });
    expect(came).toBe('an answer');
  });
});

describe('who did not', () => {
  it('waits no longer than the limit', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await expect(fetch(address, { signal: answerSignal(LIMIT_MS) })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(new Promise((resolve) => new AnswerLimit(LIMIT_MS, resolve))).resolves.toBe(LIMIT_MS);
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('begins anew with what comes, and with another limit', async () => {
    const rung: number[] = [];
    const limit = new AnswerLimit(LIMIT_MS, (afterMs) => rung.push(afterMs));
    const began = performance.now();
    limit.restart(2 * LIMIT_MS);
    await expect.poll(() => rung).toEqual([2 * LIMIT_MS]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(2 * LIMIT_MS - 1);
  });
});

function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
