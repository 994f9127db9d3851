import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { whileGarbageIsCollected } from '#libs/testing/garbage';
import { DecisionDoor } from './decision-door.js';

const closing: (() => void)[] = [];
afterEach(() => {
  closing.splice(0).forEach((close) => close());
});

interface Asked {
  readonly what: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A decision service that writes down what it is asked, and the door to it. */
async function aDoor(answer: (response: ServerResponse) => void) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push({ what: `${request.method} ${request.url}`, headers: request.headers, body });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { asked, door: new DecisionDoor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) };
}

const ORDER = { method: 'POST', path: '/v1/experiments/a/rollback', body: Buffer.from('{"reason":"so"}') } as const;

describe('the page’s way to the decision service', () => {
  it('passes on whose an order is, what they have seen, and its name, and nothing else that a browser says', async () => {
    const { asked, door } = await aDoor((response) => response.end('{}'));
    const own = { authorization: 'Bearer hers', 'if-match': '"7"', 'idempotency-key': 'once' };
    const others = { cookie: 'a=b', 'x-forwarded-for': '10.0.0.1', 'teststrip-actor': 'root', origin: 'http://a' };
    await door.ask({ ...ORDER, headers: { ...own, ...others, 'content-type': 'application/json' } });
    expect(asked).toMatchObject([{ what: 'POST /v1/experiments/a/rollback', headers: own, body: '{"reason":"so"}' }]);
    expect(asked[0]!.headers['content-type']).toBe('application/json');
    for (const name of Object.keys(others)) expect(asked[0]!.headers[name], name).toBeUndefined();
  });

  it('passes back what is answered: what is the case by now, and whether the order was given before', async () => {
    const told = {
      etag: '"8"',
      'retry-after': '1',
      'idempotency-replayed': 'true',
      'content-type': 'application/json',
    };
    const { door } = await aDoor((response) =>
      response.writeHead(412, { ...told, 'set-cookie': 'a=b' }).end('{"a":1}'),
    );
    const { status, headers, body } = await door.ask({ ...ORDER, headers: {} });
    expect([status, headers, Buffer.from(body).toString()]).toEqual([412, told, '{"a":1}']);
  });

  it('follows no redirect, and says what may be done where nobody answers', async () => {
    const { asked, door } = await aDoor((response) => response.writeHead(307, { location: '/v1/services' }).end());
    const detail: unknown = expect.stringContaining('same Idempotency-Key is safe');
    const unknown = { status: 503, response: { detail } };
    await expect(door.ask({ ...ORDER, headers: {} })).rejects.toMatchObject({ status: 503 });
    expect(asked).toHaveLength(1);
    closing.splice(0).forEach((close) => close());
    await expect(new DecisionDoor('http://127.0.0.1:9').ask({ ...ORDER, headers: {} })).rejects.toMatchObject(unknown);
    await expect(new DecisionDoor(undefined).ask({ ...ORDER, headers: {} })).rejects.toMatchObject({ status: 503 });
  });

  it('waits no longer for an answer that has begun and does not end', async () => {
    const { door } = await aDoor((response) => response.write(' '));
    const ordered = whileGarbageIsCollected(15_000, () => door.ask({ ...ORDER, headers: {} }));
    await expect(ordered).rejects.toMatchObject({ status: 503 });
  });
});
