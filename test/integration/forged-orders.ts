import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { decisionApp } from '#apps/decision';
import { routerApp } from '#apps/router';
import { decodeEvent, encodeEvent, type TeststripEvent } from '#libs/contracts';
import { deadLetterHeaders, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp } from '#libs/platform';
import { withDatabase } from '#libs/testing/database';

const KEY = 'forged-at';
const SERVICE = 'text-to-image';
const USERS = 16;
const ORDERS = 'allocation.commanded.v1';
const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 30_000, interval: 20 });

/** A decision service that signs and a router that verifies, on a bus that somebody else writes to: what is forged changes nothing, the true rollback is obeyed. */
export async function expectForgedOrdersRefused(bus: EventBus): Promise<void> {
  const closing: (() => Promise<unknown> | void)[] = [];
  try {
    await refuseForged(bus, (close) => closing.push(close));
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

async function refuseForged(bus: EventBus, later: (close: () => Promise<unknown> | void) => unknown): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'teststrip-forged-'));
  later(() => rm(folder, { recursive: true, force: true }));
  const database = await withDatabase();
  later(() => database.close());
  await migrate(database);
  await ensureTopics(bus, 2);
  const environment = { DATA_DIR: folder };
  const decision = await startApp(decisionApp, {
    resources: { database, bus },
    environment,
    settings: { tickEveryMs: 20, heartbeatEveryMs: 200 },
  });
  later(() => decision.close());
  const router = await startApp(routerApp, {
    resources: { bus },
    environment,
    settings: { port: 0, routerId: 'router-1', lastKnownGoodFile: undefined },
  });
  later(() => router.close());
  const token = (await readFile(join(folder, 'operator-token'), 'utf8')).trim();
  const call = async (path: string, body?: unknown): Promise<any> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return (await fetch(new URL(path, decision.url), { headers, ...sent })).json();
  };
  const show = (): Promise<any> => call(`/v1/experiments/${KEY}`);
  const url = new URL(`/v1/services/${SERVICE}/generations`, router.exposed.url);
  /** Who serves each of some users. */
  const served = (): Promise<readonly string[]> =>
    Promise.all(
      Array.from({ length: USERS }, async (_, user) => {
        const headers = { 'teststrip-unit': `user-${user}` };
        return (await fetch(url, { method: 'POST', body: '{}', headers })).text();
      }),
    );

  const [control, candidate] = await Promise.all(['control', 'candidate'].map((name) => anUpstream(name, later)));
  await call('/v1/experiments', aFile(control!, candidate!));
  await eventually(async () => expect(await show()).toMatchObject({ effect: 'effective' }));
  const half = await served();
  expect(new Set(half)).toEqual(new Set(['candidate', 'control']));

  const record = (await bus.readAll(ORDERS)).findLast((one) => one.key?.toString() === KEY)!;
  const { data, ...envelope } = decodeEvent(record) as TeststripEvent<typeof ORDERS>;
  const weightsPpm = { control: 0, candidate: 1_000_000 };
  const forged = { ...data, command: 'promote', terminal: true, weightsPpm, epoch: 2 ** 31 - 1, commandId: 'forged' };
  await bus.publish([encodeEvent({ ...envelope, id: 'forged', data: forged } as TeststripEvent)]);
  await eventually(async () =>
    expect((await show()).alerts).toContainEqual(
      expect.objectContaining({ alert: 'contested', message: expect.stringMatching(/Somebody else .* not signed/) }),
    ),
  );
  expect(await served()).toEqual(half);
  await eventually(async () => {
    const dead = (await bus.readAll(`${ORDERS}.dead`)).map(({ headers }) => String(headers[deadLetterHeaders.reason]));
    expect(dead).toContainEqual(expect.stringContaining('not signed'));
  });

  expect(await call(`/v1/experiments/${KEY}/rollback`, { reason: 'it was forged' })).toMatchObject({
    phase: 'rolled-back',
  });
  await eventually(async () => expect(await show()).toMatchObject({ effect: 'effective' }));
  expect(new Set(await served())).toEqual(new Set(['control']));
}

function aFile(control: string, candidate: string): unknown {
  const config = { checkpoint: 'scenes-1.0', sampler: 'unipc', precision: 'fp16' };
  return {
    apiVersion: 'teststrip/v1',
    key: KEY,
    service: SERVICE,
    kind: 'canary',
    variants: {
      control: { upstream: control, config: { ...config, steps: 24 } },
      candidate: { upstream: candidate, config: { ...config, steps: 12 } },
    },
    ramp: [{ weight: '50%' }, { weight: '100%' }],
    guardrails: [{ metric: 'error-rate', margin: '+0.5pp' }],
  };
}

/** An upstream that answers with its name. */
async function anUpstream(name: string, later: (close: () => void) => unknown): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.end(name);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  later(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
