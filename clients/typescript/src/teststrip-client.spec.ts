import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { routerApp } from '#apps/router';
import { decodeEvent, encodeEvent, NOT_ASKED, type AudienceRule, type TeststripEvent } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { startApp } from '#libs/platform';
import { whileGarbageIsCollected } from '#libs/testing/garbage';
import { runningCanary } from '#libs/testing/traffic';
import type * as published from '../npm/index.js';
import { TeststripClient } from './teststrip-client.js';

/** What is published says of the client what it is. */
const asPublished: {
  start(options: published.TeststripClientOptions): Promise<Pick<published.TeststripClient, 'evaluate' | 'close'>>;
} = TeststripClient;

const WAIT = { timeout: 15_000, interval: 20 };
const UNITS = Array.from({ length: 200 }, (_, index) => `user-${index}`);

let bus: EventBus;
let closing: (() => Promise<unknown>)[] = [];
let clockMs = 0;

beforeEach(async () => {
  clockMs = 0;
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  closing.push(() => bus.close());
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  closing = [];
});

describe('a client that draws by itself', () => {
  it('says what the router says, to everybody, and follows its orders at once', async () => {
    await order(1, 300_000, [{ attribute: 'plan', in: ['pro'] }]);
    const url = await aRouter();
    const client = await aClient(url);
    const variants = new Set<unknown>();
    for (const [index, unit] of UNITS.entries()) {
      const plan = index % 3 === 0 ? 'free' : 'pro';
      const own = client.evaluate('text-to-image', { unit, attributes: { plan } });
      const { value, variant, metadata } = await ask(url, { targetingKey: unit, plan });
      expect(own).toMatchObject({
        value,
        assignment: { variant, epoch: metadata.epoch, propensity: metadata.propensity },
      });
      variants.add(variant);
    }
    expect(variants.size).toBe(2);
    await order(2, 0, [], { command: 'rollback', terminal: true });
    await vi.waitFor(() => {
      const { assignment } = client.evaluate('text-to-image', { unit: 'user-1' });
      expect(assignment).toMatchObject({ variant: 'control', epoch: 2 });
    }, WAIT);
  });

  it('tells the router each exposure once, as the draw of the unit', async () => {
    await order(1, 500_000);
    const client = await aClient(await aRouter());
    for (const unit of UNITS) client.evaluate('text-to-image', { unit });
    await client.close();
    await vi.waitFor(async () => expect(await routed()).toHaveLength(UNITS.length), WAIT);
    for (const { subject, data } of await routed()) {
      const { assignment } = client.evaluate('text-to-image', { unit: subject });
      expect(data).toMatchObject({
        outcome: 'exposed',
        assignment: { unit: subject, variant: assignment?.variant, epoch: 1 },
      });
    }
  });

  it('is told what is in force once, also behind a proxy that marks tags as weak', async () => {
    await order(1, 500_000);
    const state = new URL('/v1/flags', await aRouter());
    const tag = (await fetch(state)).headers.get('etag');
    const again = async (kept: string) => (await fetch(state, { headers: { 'if-none-match': kept } })).status;
    expect([await again(`${tag}`), await again(`W/${tag}`), await again('"another"')]).toEqual([304, 304, 200]);
  });

  it('can make nobody believe a variant that is not drawn', async () => {
    await order(1, 0);
    const url = await aRouter();
    const told = { id: 'one', service: 'text-to-image', unit: 'ana', variant: 'candidate', epoch: 1 };
    const exposures = [
      told,
      { ...told, id: 'two', epoch: 9 },
      { ...told, unit: 'null' },
      { ...told, service: 'nobody' },
    ];
    const answer = await fetch(new URL('/v1/flags/exposures', url), {
      method: 'POST',
      body: JSON.stringify({ exposures }),
    });
    expect(await answer.json()).toEqual({ counted: 0, ignored: 4 });
    const nonsense = await fetch(new URL('/v1/flags/exposures', url), { method: 'POST', body: '[]' });
    expect(nonsense.status).toBe(422);
    expect(await routed()).toEqual([]);
  });

  it('can tell nothing under the id of a request, and nothing that no log can keep', async () => {
    await order(1, 1_000_000);
    const url = await aRouter();
    const told = { id: 'a-request', service: 'text-to-image', unit: 'ana', variant: 'candidate', epoch: 1 };
    const answer = await fetch(new URL('/v1/flags/exposures', url), {
      method: 'POST',
      body: JSON.stringify({ exposures: [told, told, { ...told, id: 'nul\u0000' }] }),
    });
    expect(await answer.json()).toEqual({ counted: 2, ignored: 1 });
    await vi.waitFor(async () => expect(await routed()).toHaveLength(2), WAIT);
    for (const { id, data } of await routed()) {
      expect(data.requestId).toBe('exposure:a-request');
      expect(id).toBe('request.routed.v1:exposure:a-request:0');
    }
  });

  it('leaves control to everybody when its router is silent for longer than the experiment allows', async () => {
    await order(1, 1_000_000);
    const router = await aRouter();
    const client = await aClient(router);
    expect(client.evaluate('text-to-image', { unit: 'ana' }).assignment?.variant).toBe('candidate');
    clockMs = 29_000;
    expect(client.evaluate('text-to-image', { unit: 'ana' }).assignment?.variant).toBe('candidate');
    clockMs = 31_000;
    expect(client.evaluate('text-to-image', { unit: 'ana' }).assignment).toMatchObject({
      variant: 'control',
      reason: 'FAIL_SAFE',
    });
    expect(client.evaluate('text-to-image', { unit: 'undefined' })).toMatchObject({
      value: undefined,
      assignment: null,
    });
    expect(client.evaluate('nobody', { unit: 'ana' })).toMatchObject({ value: undefined, assignment: null });
  });

  it('asks again where a question gets no answer', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => silent.closeAllConnections() ?? silent.close(resolve)));
    const troubles: string[] = [];
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const client = await whileGarbageIsCollected(5_000, () =>
      TeststripClient.start({ url, onTrouble: (told) => troubles.push(told) }),
    );
    closing.push(() => client.close());
    expect(troubles).toEqual([expect.stringMatching(/can't be asked: no answer within 5000 ms/)]);
  });
});

async function aRouter(): Promise<string> {
  const settings = { port: 0, routerId: undefined, lastKnownGoodFile: undefined, drainMs: 100 };
  const router = await startApp(routerApp, { environment: { AUTH: 'off' }, resources: { bus }, settings });
  closing.push(() => router.close());
  return router.exposed.url;
}

async function aClient(url: string) {
  const options = { url, monotonicMs: () => clockMs };
  const client = await asPublished.start(options);
  closing.push(() => client.close());
  return client;
}

async function order(
  epoch: number,
  candidatePpm: number,
  audience: readonly AudienceRule[] = [],
  more: object = {},
): Promise<void> {
  const variants = {
    control: { upstream: NOT_ASKED, config: { parameters: { guidance: 7.5 } } },
    candidate: { upstream: NOT_ASKED, config: { parameters: { guidance: 5 } } },
  };
  const baseline = { upstream: NOT_ASKED, fingerprint: 'a' };
  const events = runningCanary(candidatePpm, {
    spec: { variants, audience: [...audience] },
    order: { epoch, commandId: `command-${epoch}`, baseline, ...more },
  });
  await bus.publish(events.map(encodeEvent));
}

interface Flag {
  readonly value: unknown;
  readonly variant: string;
  readonly metadata: { readonly epoch: number; readonly propensity: number };
}

async function ask(url: string, context: object): Promise<Flag> {
  const body = JSON.stringify({ context });
  const response = await fetch(new URL('/ofrep/v1/evaluate/flags/text-to-image', url), { method: 'POST', body });
  return (await response.json()) as Flag;
}

async function routed(): Promise<readonly TeststripEvent<'request.routed.v1'>[]> {
  const records = await bus.readAll('request.routed.v1');
  return records.map((record) => decodeEvent(record) as TeststripEvent<'request.routed.v1'>);
}
