import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, afterAll, expect, it, vi } from 'vitest';
import { decisionApp } from '#apps/decision';
import type { ExperimentFile } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { aCanaryFile } from '#libs/testing/delivery';
import { aMailServer, type Misbehaviour, type TestMailServer } from '#libs/testing/mail';
import { unusedPort, watchNode } from '#libs/testing/processes';

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
  readonly experiment: string;
  readonly isSigned: boolean;
  readonly atMs: number;
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
    const { data, text: slack } = JSON.parse(body);
    const [, title = '', what = ''] = /^(\S+) \(.*?\): ([a-z ]+?):/.exec(slack ?? '') ?? [];
    const { decision, experiment } = data ?? { decision: what.replaceAll(' ', '-'), experiment: title };
    got.push({ id, decision, experiment, isSigned, atMs: performance.now() });
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

const environmentOf = (receivers: readonly string[], more: Record<string, string> = {}) => ({
  AUTH: 'off',
  NOTIFY_WEBHOOK: receivers.join(','),
  NOTIFY_SECRET: `whsec_${KEY.toString('base64')}`,
  NOTIFY_RETRY_AFTER_MS: '20',
  NOTIFY_TIMEOUT_MS: '5000',
  ...more,
});

async function aDecision(receivers: readonly string[], more: Record<string, string> = {}): Promise<RunningApp> {
  const environment = environmentOf(receivers, more);
  const { notify, gates } = decisionApp.plan(environment).settings;
  const decision = await startApp(decisionApp, {
    resources: { database, bus },
    environment: { AUTH: 'off' },
    settings: { tickEveryMs: 20, notify, gates },
  });
  closing.push(() => decision.close());
  return decision;
}

async function post(decision: { readonly url: string }, path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(new URL(path, decision.url), { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.ok, await response.text()).toBe(true);
}

const order = (decision: { readonly url: string }, key: string, what: string): Promise<void> =>
  post(decision, `/v1/experiments/${key}/${what}`, { actor: 'ana', reason: 'to see who is told' });

function apply(decision: { readonly url: string }, key: string, more: Partial<ExperimentFile> = {}): Promise<void> {
  return post(decision, '/v1/experiments', aCanaryFile(key, more));
}

const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 15_000, interval: 20 });
const DECIDED = ['started', 'paused', 'resumed', 'rolled-back'];
const withoutRepeats = (got: readonly Got[]): string[] => [
  ...new Map(got.map(({ id, decision }) => [id, decision])).values(),
];

it('a message that Slack never takes holds up none of those behind it', async () => {
  const slack = await aReceiver((response, nth) => void (nth === 2 ? response.writeHead(400).end() : ok(response)));
  const decision = await aDecision([`slack:${slack.url}`], { NOTIFY_RETRY_AFTER_MS: '60000' });
  await apply(decision, 'never-taken');
  for (const what of ['pause', 'resume', 'rollback']) await order(decision, 'never-taken', what);
  await eventually(() => expect(slack.got.map(({ decision: told }) => told)).toEqual(DECIDED));
});

it('every receiver is told of each decision in order, whatever another one does', async () => {
  const good = await aReceiver(ok);
  const failing = await aReceiver((response, nth) => void (nth <= 2 ? response.writeHead(503).end() : ok(response)));
  // Takes it, and breaks off before it says so.
  const repeating = await aReceiver((response, nth) => void (nth === 1 ? response.destroy() : ok(response)));
  const busy = await aReceiver((response, nth) =>
    nth === 1 ? void response.writeHead(429, { 'retry-after': '1' }).end() : ok(response),
  );
  const stalled = await aReceiver(() => undefined);
  const moved = await aReceiver((response) => void response.writeHead(302, { location: good.url }).end());
  // A webhook that takes nothing and a Slack channel at one address.
  const both: Awaited<ReturnType<typeof aReceiver>> = await aReceiver((response, nth) =>
    both.got[nth - 1]!.isSigned ? void response.writeHead(503).end() : ok(response),
  );
  const decision = await aDecision(
    [...[good, failing, repeating, busy, stalled, moved, both].map(({ url }) => url), `slack:${both.url}`],
    { NOTIFY_ATTEMPTS: '3', NOTIFY_TIMEOUT_MS: '1500' },
  );
  await apply(decision, 'told');
  for (const what of ['pause', 'resume', 'rollback']) await order(decision, 'told', what);

  for (const { got } of [good, failing, repeating, busy])
    await eventually(() => expect(withoutRepeats(got)).toEqual(DECIDED));
  expect(failing.got.slice(0, 3).map(({ decision: what }) => what)).toEqual(['started', 'started', 'started']);
  expect(repeating.got[1]!.id).toBe(repeating.got[0]!.id);
  // Who asks to be left alone for a second is.
  expect(busy.got[1]!.atMs - busy.got[0]!.atMs).toBeGreaterThan(950);
  await eventually(() =>
    expect(both.got.filter(({ isSigned }) => !isSigned).map(({ decision: what }) => what)).toEqual(DECIDED),
  );
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

/** A mail server, and how it is named in the environment. */
async function theMail(misbehave: (moment: string, nth: number) => Misbehaviour = () => undefined) {
  const server = await aMailServer({ offersTls: false, misbehave });
  closing.push(() => server.close());
  const environment = {
    NOTIFY_EMAIL: 'team@example.com',
    NOTIFY_FROM: 'teststrip@example.com',
    NOTIFY_SMTP: `smtp://127.0.0.1:${server.port}?tls=off`,
  };
  return { server, environment };
}

/** What mails say, in the order in which they came: once each, by their ids. */
function mailed({ taken }: TestMailServer): readonly string[] {
  const read = taken.map(({ message }) => {
    const [head = '', body = ''] = message.split('\r\n\r\n');
    return [/^Message-ID: (.*)$/m.exec(head)![1]!, Buffer.from(body, 'base64').toString()] as const;
  });
  return [...new Map(read).values()];
}

it('mails come once each in order, with the reason, from a server that fails, or takes one and breaks off', async () => {
  // The third dialogue is broken off after the mail was taken, as far as anybody knows.
  const { server, environment } = await theMail((moment, nth) => {
    if (nth <= 2 && moment === 'recipient') return { say: '451 try again' };
    return nth === 3 && moment === 'taken' ? 'drop' : undefined;
  });
  const refusing = await theMail((moment) => (moment === 'recipient' ? { say: '550 no such mailbox' } : undefined));
  const slack = await aReceiver((response, nth) => void (nth === 1 ? response.destroy() : ok(response)));
  const template = { NOTIFY_PAGE_URL: 'https://teststrip.example.com' };
  const decision = await aDecision([`slack:${slack.url}`], { ...environment, ...template });
  const other = await aDecision([], { ...refusing.environment, NOTIFY_EMAIL: 'nobody@example.com' });
  await apply(decision, 'mailed');
  for (const what of ['pause', 'resume', 'rollback']) await order(decision, 'mailed', what);
  await apply(other, 'refused');
  await eventually(() => expect(mailed(server)).toHaveLength(DECIDED.length));
  expect(server.taken).toHaveLength(DECIDED.length + 1);
  const [started, paused, , rolledBack] = mailed(server);
  expect(started).toContain('Revision 1 starts');
  expect(paused).toMatch(/^Paused by ana .*: “to see who is told”/);
  expect(rolledBack).toContain('control 100 %, candidate 0 %');
  expect(rolledBack).toContain('https://teststrip.example.com/experiments/mailed');
  expect(server.taken.at(-1)!.message).toContain('References: <mailed.1@example.com>');
  await eventually(() => expect(slack.got.slice(1).map(({ decision: what }) => what)).toEqual(DECIDED));
  // What will never be taken is reported at once.
  await eventually(async () => {
    const [given] = await database.query<{ attempts: number; error: string }>(
      `select attempts, last_error as error from teststrip.notifications where experiment = 'refused' and given_up_at is not null`,
    );
    expect(given).toMatchObject({ attempts: 1, error: expect.stringContaining('550 no such mailbox') });
  });
  expect(refusing.server.taken).toEqual([]);
}, 30_000);

it(
  'what receivers were being told when the decision service was killed they are told by the next one, once and in order',
  { tags: 'long', timeout: 120_000 },
  async () => {
    let isStalled = true;
    const hook = await aReceiver((response) => void (isStalled || ok(response)));
    const { server, environment } = await theMail((moment) => (isStalled && moment === 'mail' ? 'stall' : undefined));
    const receivers = [hook.url, `slack:${hook.url}/slack`];
    const port = await unusedPort();
    const killed = watchNode(['--import', 'tsx', '--conditions=teststrip-source', 'apps/decision/src/main.ts'], {
      ...environmentOf(receivers, environment),
      DATABASE_URL: database.url,
      BUS: 'postgres',
      DECISION_PORT: String(port),
    });
    closing.push(() => void killed.process.kill('SIGKILL'));
    const there = { url: `http://127.0.0.1:${port}` };
    const isReady = async (): Promise<boolean> => (await fetch(`${there.url}/health/ready`)).ok;
    await vi.waitFor(async () => expect(await isReady()).toBe(true), { timeout: 60_000, interval: 100 });
    await apply(there, 'killed');
    await order(there, 'killed', 'pause');
    await eventually(() => expect(hook.got).toHaveLength(2));
    killed.process.kill('SIGKILL');
    await killed.ended;
    isStalled = false;
    // What the killed one had claimed is due again when the time of its attempts is over.
    await database.query('update teststrip.notifications set due_at = now() where given_up_at is null');
    await aDecision(receivers, environment);
    await eventually(() => expect(mailed(server)).toHaveLength(2));
    await eventually(() => expect(hook.got).toHaveLength(2 + 4));
    const later = hook.got.slice(2);
    for (const isSlack of [false, true])
      expect(later.filter(({ isSigned }) => isSigned !== isSlack).map(({ decision: what }) => what)).toEqual([
        'started',
        'paused',
      ]);
    expect(later.map(({ id }) => id)).toEqual(expect.arrayContaining(hook.got.slice(0, 2).map(({ id }) => id)));
  },
);

/** A gate that writes down what it is asked, and answers as it is told. */
async function aGate(answer: (response: ServerResponse, nth: number) => void) {
  const asked: { readonly id: string; readonly isSigned: boolean; readonly body: any; readonly atMs: number }[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const id = String(request.headers['webhook-id']);
    const signed = `${id}.${String(request.headers['webhook-timestamp'])}.${body}`;
    const isSigned =
      request.headers['webhook-signature'] === `v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`;
    asked.push({ id, isSigned, body: JSON.parse(body), atMs: performance.now() });
    answer(response, asked.length);
  };
  const server = createServer((request, response) => void take(request, response).catch(() => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/gate` };
}

const says = (response: ServerResponse, answer: unknown): void => void response.end(JSON.stringify(answer));
const GATED = {
  ramp: [{ weight: '1%', gates: { before: ['smoke'] } }, { weight: '100%' }],
};
const standing = async (decision: RunningApp, key: string): Promise<any> =>
  (await fetch(new URL(`/v1/experiments/${key}`, decision.url))).json();

it('a gate that is dead holds its ramp and says so, delays nothing else, and is passed when it approves', async () => {
  let mood: 'stalled' | 'broken' | 'waiting' | 'open' = 'stalled';
  const gate = await aGate((response) => {
    if (mood === 'broken') response.writeHead(503).end();
    else if (mood === 'waiting') says(response, { answer: 'wait', reason: 'warming\n up' });
    else if (mood === 'open') says(response, { answer: 'approve', reason: 'p95 is 400 ms' });
  });
  const told = await aReceiver(ok);
  const more = { GATES: `smoke=${gate.url}`, GATE_TIMEOUT_MS: '150', GATE_ASK_AGAIN_MS: '40' };
  const decision = await aDecision([told.url], more);
  await apply(decision, 'gated', GATED);
  await apply(decision, 'beside');
  await eventually(() => expect(gate.asked.length).toBeGreaterThan(0));
  // While the gate keeps its line open, another experiment is rolled back at once.
  const beforeMs = performance.now();
  await order(decision, 'beside', 'rollback');
  expect(performance.now() - beforeMs).toBeLessThan(2_000);
  await eventually(async () => {
    const { phase, gates } = await standing(decision, 'gated');
    expect(phase).toBe('draft');
    expect(gates).toMatchObject([{ gate: 'smoke', answer: 'none', reason: 'no answer within 150 ms' }]);
  });
  mood = 'broken';
  await eventually(() => expect(gate.asked.length).toBeGreaterThan(4));
  mood = 'waiting';
  await eventually(async () => {
    expect((await standing(decision, 'gated')).gates).toMatchObject([{ answer: 'wait', reason: 'warming up' }]);
  });
  mood = 'open';
  await eventually(async () => expect((await standing(decision, 'gated')).phase).toBe('running'));
  expect(new Set(gate.asked.map(({ id }) => id)).size).toBe(1);
  expect(gate.asked.every(({ isSigned }) => isSigned)).toBe(true);
  expect(gate.asked[0]!.body).toMatchObject({
    type: 'gate.before',
    data: { gate: 'smoke', experiment: 'gated', stage: { index: 0, weightPpm: 10_000 }, weightsPpm: { control: 1e6 } },
  });
  await eventually(() =>
    expect(told.got.filter(({ experiment }) => experiment === 'gated').map(({ decision: what }) => what)).toEqual([
      'gate-asked',
      'alarm',
      'gate-answered',
      'gate-answered',
      'started',
    ]),
  );
  // Passed, it is asked no more.
  const asked = gate.asked.length;
  await order(decision, 'gated', 'rollback');
  expect(gate.asked.length).toBe(asked);
}, 30_000);

it('a gate that asks for time is given it, and one that denies is asked no more and keeps everybody with control', async () => {
  const gate = await aGate((response, nth) => {
    if (nth === 1) response.setHeader('retry-after', '1');
    says(response, nth === 1 ? { answer: 'wait' } : { answer: 'deny', reason: 'p95 is 2 s' });
  });
  const told = await aReceiver(ok);
  const decision = await aDecision([told.url], { GATES: `smoke=${gate.url}`, GATE_ASK_AGAIN_MS: '40' });
  await apply(decision, 'denied', GATED);
  await eventually(async () =>
    expect((await standing(decision, 'denied')).gates).toMatchObject([{ answer: 'deny', reason: 'p95 is 2 s' }]),
  );
  const [first, second] = gate.asked;
  expect(second!.atMs - first!.atMs).toBeGreaterThan(950);
  // Another experiment is decided, told of and ended meanwhile: whoever asks gates has looked at them often.
  await apply(decision, 'beside-denied');
  await order(decision, 'beside-denied', 'rollback');
  const decided = (key: string) => told.got.filter((one) => one.experiment === key).map((one) => one.decision);
  await eventually(() => expect(decided('beside-denied')).toEqual(['started', 'rolled-back']));
  expect(decided('denied')).toEqual(['gate-asked', 'gate-answered', 'gate-answered']);
  expect((await standing(decision, 'denied')).phase).toBe('draft');
  expect(gate.asked).toHaveLength(2);
}, 30_000);

it('a file that names a gate which nobody has configured is refused with its line', async () => {
  const decision = await aDecision([]);
  const config = 'config: { checkpoint: a, sampler: b, steps: 1, precision: fp16 }';
  const problemOf = async (ramp: readonly string[]): Promise<unknown> => {
    const file = [
      'apiVersion: teststrip/v1',
      'key: typo',
      'service: typo',
      'kind: canary',
      `variants: { control: { upstream: "http://127.0.0.1:1", ${config} }, candidate: { upstream: "http://127.0.0.1:2", ${config} } }`,
      'guardrails: [{ metric: error-rate, margin: +1pp }]',
      ...ramp,
    ].join('\n');
    const headers = { 'content-type': 'application/yaml', 'teststrip-file': 'typo.yaml' };
    const response = await fetch(new URL('/v1/experiments', decision.url), { method: 'POST', headers, body: file });
    expect(response.status).toBe(422);
    return ((await response.json()) as { readonly detail: unknown }).detail;
  };
  const unknown = 'unknown gate "smok"; expected one of those that this installation has (GATES): none';
  const stages = ['ramp:', '  - { weight: 1% }', '  - { weight: 100%, gates: { before: [smok] } }'];
  expect(await problemOf(stages)).toBe(`typo.yaml:9: ramp.1.gates.before.0: ${unknown}`);
  const auto = ['ramp:', '  auto:', '    from: 5%', '    gates: { after: [smok] }'];
  expect(await problemOf(auto)).toBe(`typo.yaml:10: ramp.auto.gates.after.0: ${unknown}`);
});
