import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, afterAll, expect, it, vi } from 'vitest';
import { decisionApp } from '#apps/decision';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

const KEY = Buffer.from('012345678901234567890123');
let database: TestDatabase;
let bus: EventBus;
const closing: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await bus.close();
  await database.close();
});

interface Got {
  readonly id: string;
  readonly decision: string;
  readonly isSigned: boolean;
}

/** A local receiver that writes down what it gets, and answers as it is told. */
async function aReceiver(answer: (response: ServerResponse, nth: number) => void) {
  const got: Got[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const id = String(request.headers['webhook-id']);
    const signed = `${id}.${String(request.headers['webhook-timestamp'])}.${body}`;
    const isSigned =
      request.headers['webhook-signature'] === `v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`;
    got.push({ id, decision: JSON.parse(body).data.decision, isSigned });
    answer(response, got.length);
  };
  const server: Server = createServer((request, response) => void take(request, response).catch(() => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

const ok = (response: ServerResponse): void => void response.writeHead(204).end();

async function aDecision(receivers: readonly string[], more: Record<string, string> = {}): Promise<RunningApp> {
  const environment = {
    AUTH: 'off',
    NOTIFY_WEBHOOK: receivers.join(','),
    NOTIFY_SECRET: `whsec_${KEY.toString('base64')}`,
    NOTIFY_RETRY_AFTER_MS: '20',
    NOTIFY_TIMEOUT_MS: '5000',
    ...more,
  };
  const { notify } = decisionApp.plan(environment).settings;
  const decision = await startApp(decisionApp, {
    resources: { database, bus },
    environment: { AUTH: 'off' },
    settings: { tickEveryMs: 20, notify },
  });
  closing.push(() => decision.close());
  return decision;
}

async function post(decision: RunningApp, path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(new URL(path, decision.url), { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.ok, await response.text()).toBe(true);
}

const order = (decision: RunningApp, key: string, what: string): Promise<void> =>
  post(decision, `/v1/experiments/${key}/${what}`, { actor: 'ana', reason: 'to see who is told' });

function apply(decision: RunningApp, key: string): Promise<void> {
  const config = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 24, precision: 'fp16' };
  return post(decision, '/v1/experiments', {
    apiVersion: 'teststrip/v1',
    key,
    service: key,
    kind: 'canary',
    variants: {
      control: { upstream: 'http://127.0.0.1:8100', config },
      candidate: { upstream: 'http://127.0.0.1:8101', config: { ...config, steps: 12 } },
    },
    guardrails: [{ metric: 'error-rate', margin: '+0.5pp' }],
  });
}

const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 15_000, interval: 20 });
const DECIDED = ['started', 'paused', 'resumed', 'rolled-back'];
const withoutRepeats = (got: readonly Got[]): string[] => [
  ...new Map(got.map(({ id, decision }) => [id, decision])).values(),
];

it('every receiver is told of each decision in order, whatever another one does', async () => {
  const good = await aReceiver(ok);
  const failing = await aReceiver((response, nth) => void (nth <= 2 ? response.writeHead(503).end() : ok(response)));
  // Takes it, and breaks off before it says so.
  const repeating = await aReceiver((response, nth) => void (nth === 1 ? response.destroy() : ok(response)));
  const stalled = await aReceiver(() => undefined);
  const moved = await aReceiver((response) => void response.writeHead(302, { location: good.url }).end());
  const decision = await aDecision(
    [good, failing, repeating, stalled, moved].map(({ url }) => url),
    { NOTIFY_ATTEMPTS: '3', NOTIFY_TIMEOUT_MS: '1500' },
  );
  await apply(decision, 'told');
  for (const what of ['pause', 'resume', 'rollback']) await order(decision, 'told', what);

  for (const { got } of [good, failing, repeating])
    await eventually(() => expect(withoutRepeats(got)).toEqual(DECIDED));
  expect(failing.got.slice(0, 3).map(({ decision: what }) => what)).toEqual(['started', 'started', 'started']);
  expect(repeating.got[1]!.id).toBe(repeating.got[0]!.id);
  expect([good, failing, repeating].flatMap(({ got }) => got).every(({ isSigned }) => isSigned)).toBe(true);

  await eventually(async () => {
    const rows = await database.query<{ receiver: string; error: string }>(
      'select receiver, last_error as error from teststrip.notifications where given_up_at is not null order by id',
    );
    const ofMoved = rows.filter(({ receiver }) => receiver.startsWith(new URL(moved.url).host));
    expect(ofMoved).toHaveLength(DECIDED.length);
    expect(ofMoved[0]!.error).toContain('302');
    expect(rows.some(({ receiver }) => receiver.startsWith(new URL(stalled.url).host))).toBe(true);
  });
}, 30_000);

it('what was not delivered before the process ended is delivered by the next one, once', async () => {
  let isAway = true;
  const receiver = await aReceiver((response) => void (isAway ? response.writeHead(500).end() : ok(response)));
  const first = await aDecision([receiver.url]);
  await apply(first, 'restarted');
  await order(first, 'restarted', 'pause');
  await eventually(() => expect(receiver.got.length).toBeGreaterThan(0));
  await closing.pop()!();
  isAway = false;
  const failed = receiver.got.length;
  await aDecision([receiver.url]);
  await eventually(() => expect(withoutRepeats(receiver.got.slice(failed))).toEqual(['started', 'paused']));
  expect(receiver.got.slice(failed)).toHaveLength(2);
  expect(receiver.got[failed]!.id).toBe(receiver.got[0]!.id);
}, 30_000);
