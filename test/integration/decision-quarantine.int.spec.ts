import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { decisionApp, type DecisionSettings } from '#apps/decision';
import { decodeEvent, encodeEvent, topics, type AllocationCommanded } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { analysisEvent, harmful } from '#libs/testing/delivery';

let database: TestDatabase;
let bus: EventBus;
let running: RunningApp[] = [];

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
});
afterAll(() => database.close());
beforeEach(async () => {
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
});
afterEach(async () => {
  await Promise.all(running.map((decision) => decision.close()));
  running = [];
  await bus.close();
  await database.query(`alter table teststrip.decision_events disable trigger decision_events_append_only`);
  await database.query(`delete from teststrip.decision_events`);
  await database.query(`alter table teststrip.decision_events enable trigger decision_events_append_only`);
  await database.query(`delete from teststrip.experiments`);
  await database.query(`alter table teststrip.service_events disable trigger service_events_append_only`);
  await database.query(`delete from teststrip.service_events`);
  await database.query(`alter table teststrip.service_events enable trigger service_events_append_only`);
  await database.query(`delete from teststrip.services`);
});

async function aDecision(settings: Partial<DecisionSettings> = {}): Promise<RunningApp> {
  const decision = await startApp(decisionApp, {
    resources: { database, bus },
    environment: { AUTH: 'off' },
    settings: { tickEveryMs: 20, ...settings },
  });
  running.push(decision);
  return decision;
}

async function restart(decision: RunningApp): Promise<RunningApp> {
  running = running.filter((other) => other !== decision);
  await decision.close();
  return aDecision();
}

const YAML = 'application/yaml';
const aFile = (key: string): string => `apiVersion: teststrip/v1
key: ${key}
service: ${key}
kind: canary
variants:
  control: { upstream: "http://127.0.0.1:8100", config: { checkpoint: a, sampler: b, steps: 3, precision: fp16 } }
  candidate: { upstream: "http://127.0.0.1:8101", config: { checkpoint: a, sampler: b, steps: 2, precision: fp16 } }
guardrails:
  - { metric: alignment, margin: -1% }
  - { metric: delivery-rate, off: true }
  - { metric: blank-rate, off: true }
  - { metric: undecodable-rate, off: true }
  - { metric: flagged-rate, off: true }
`;

interface Answer {
  readonly status: number;
  // What a test expects of it is what it checks.
  readonly body: any;
}

async function call(
  decision: RunningApp,
  method: string,
  path: string,
  body?: string | Buffer,
  type = YAML,
): Promise<Answer> {
  const response = await fetch(new URL(path, decision.url), {
    method,
    headers: { 'content-type': type, 'teststrip-file': 'canary.yaml' },
    ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
  });
  return { status: response.status, body: await response.json() };
}

const apply = (decision: RunningApp, file: string | Buffer): Promise<Answer> =>
  call(decision, 'POST', '/v1/experiments', file);
const order = (decision: RunningApp, key: string, what: string, text = 'to see what happens'): Promise<Answer> =>
  call(
    decision,
    'POST',
    `/v1/experiments/${key}/${what}`,
    JSON.stringify({ actor: 'ana', reason: text }),
    'application/json',
  );
const show = async (decision: RunningApp, key: string): Promise<any> =>
  (await call(decision, 'GET', `/v1/experiments/${key}`)).body;

/** What today's service would never write: the log of `key` holds a definition that nobody can read. */
const breakLog = (key: string): Promise<void> =>
  damage(key, 'defined', `jsonb_set(data, '{definition,spec,holdAtMostMs}', '0')`);

/** Puts `data`, an SQL expression, into the events of one kind and the newest revision that has it. */
async function damage(key: string, kind: string, data: string): Promise<void> {
  await database.query(`alter table teststrip.decision_events disable trigger decision_events_append_only`);
  await database.query(
    `update teststrip.decision_events set data = ${data} where experiment = $1 and kind = $2 and revision =
       (select max(revision) from teststrip.decision_events where experiment = $1 and kind = $2)`,
    [key, kind],
  );
  await database.query(`alter table teststrip.decision_events enable trigger decision_events_append_only`);
}

const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 10_000, interval: 5 });

async function publishHarm(key: string): Promise<void> {
  await bus.publish([encodeEvent(analysisEvent(key, [harmful('alignment')]))]);
}

async function lastCommandOf(key: string): Promise<AllocationCommanded | undefined> {
  const records = await bus.readAll(topics.allocationCommanded.name);
  const commands = records.map((record) => decodeEvent(record).data as AllocationCommanded);
  return commands.filter(({ experiment }) => experiment === key).at(-1);
}

describe('a log that cannot be read', () => {
  it('is quarantined by itself: the service starts, shows it, and decides about all others', async () => {
    const first = await aDecision();
    for (const key of ['mine', 'other-team']) expect((await apply(first, aFile(key))).status).toBe(201);
    await breakLog('other-team');
    const decision = await restart(first);
    const { status, body } = await call(decision, 'GET', '/v1/experiments');
    expect(status).toBe(200);
    expect(body.experiments).toMatchObject([
      { key: 'mine', phase: 'running' },
      {
        key: 'other-team',
        phase: 'quarantined',
        reason: expect.stringMatching(/^decision event 1 \(defined\) can't be read: definition\.spec\.holdAtMostMs: /),
        service: 'other-team',
        control: 'control',
        epoch: 1,
        weightsPpm: { candidate: 10_000 },
      },
    ]);
    expect(await show(decision, 'other-team')).toMatchObject({ phase: 'quarantined' });
    expect(await call(decision, 'GET', '/v1/experiments/other-team/decisions')).toMatchObject({ status: 200 });
    expect(await call(decision, 'GET', '/health/ready')).toMatchObject({ status: 200 });
    await publishHarm('other-team');
    await publishHarm('mine');
    await eventually(async () => expect(await show(decision, 'mine')).toMatchObject({ phase: 'rolled-back' }));
    expect((await apply(decision, aFile('third'))).status).toBe(201);
  });

  it('can be rolled back to its pinned control, once, and stays so after a restart', async () => {
    const first = await aDecision();
    await apply(first, aFile('mine'));
    await order(first, 'mine', 'pause');
    await breakLog('mine');
    const decision = await restart(first);
    for (const what of ['resume', 'promote', 'new-attempt']) {
      expect(await order(decision, 'mine', what)).toMatchObject({
        status: 409,
        body: { type: 'urn:teststrip:refused:quarantined', detail: expect.stringContaining('nothing but a rollback') },
      });
    }
    expect(await apply(decision, aFile('mine'))).toMatchObject({ status: 409 });
    const rolledBack = await order(decision, 'mine', 'rollback');
    const expected = { phase: 'quarantined', epoch: 3, weightsPpm: { control: 1_000_000, candidate: 0 } };
    expect(rolledBack).toMatchObject({ status: 200, body: expected });
    await eventually(async () => {
      expect(await lastCommandOf('mine')).toMatchObject({
        command: 'rollback',
        epoch: 3,
        actor: 'ana',
        terminal: true,
      });
    });
    const second = await restart(decision);
    expect(await show(second, 'mine')).toMatchObject(expected);
    expect(await order(second, 'mine', 'rollback')).toMatchObject({ status: 200, body: expected });
  });

  it.each([
    ['a reason that nobody knows', `jsonb_set(data, '{command,reason}', '"schedule"')`],
    ['no command', `data - 'command'`],
  ])('is rolled back although the revision before it was: the newest start has %s', async (_what, data) => {
    const first = await aDecision();
    await apply(first, aFile('mine'));
    await order(first, 'mine', 'rollback');
    expect(await order(first, 'mine', 'new-attempt')).toMatchObject({ body: { revision: 2, epoch: 3 } });
    await damage('mine', 'started', data);
    const decision = await restart(first);
    expect(await show(decision, 'mine')).toMatchObject({ phase: 'quarantined', revision: 2, epoch: 3 });
    expect(await order(decision, 'mine', 'rollback')).toMatchObject({
      status: 200,
      body: { epoch: 4, weightsPpm: { control: 1_000_000 } },
    });
    await eventually(async () =>
      expect(await lastCommandOf('mine')).toMatchObject({ command: 'rollback', revision: 2, epoch: 4 }),
    );
  });

  it.each([
    [
      'a stage that the ramp has not',
      `jsonb_set(data, '{command,stage}', '99')`,
      /"started" names stage 99, expected one of 0 to /,
    ],
    [
      'weights of a variant that is not in the file',
      `jsonb_set(data, '{command,weightsPpm}', '{"control": 990000, "nobody": 10000}')`,
      /"started" names variant nobody, expected one of control, candidate/,
    ],
  ])('is one with %s, too', async (_what, data, reason) => {
    const first = await aDecision();
    await apply(first, aFile('mine'));
    await damage('mine', 'started', data);
    const decision = await restart(first);
    expect(await show(decision, 'mine')).toMatchObject({
      phase: 'quarantined',
      reason: expect.stringMatching(reason),
    });
    expect(await order(decision, 'mine', 'rollback')).toMatchObject({ status: 200, body: { epoch: 2 } });
  });

  it('that another process left behind stops neither its news nor the clock', async () => {
    const decision = await aDecision({ controller: 'decision-a' });
    const other = await aDecision({ controller: 'decision-b', group: 'decision-b' });
    for (const key of ['mine', 'broken']) await apply(decision, aFile(key));
    await breakLog('broken');
    await database.query(
      `select pg_notify('teststrip_decisions', '{"from":"decision-c","experiment":"broken","what":"decided"}')`,
    );
    await eventually(async () => {
      for (const one of [decision, other]) {
        const { body } = await call(one, 'GET', '/health/ready');
        expect(JSON.stringify(body)).toContain('broken');
      }
    });
    expect(await order(other, 'mine', 'pause')).toMatchObject({ status: 200 });
    expect(await show(decision, 'mine')).toMatchObject({ phase: 'paused' });
    expect(await call(decision, 'GET', '/health/ready')).toMatchObject({ status: 200 });
  });
});

describe('what could not be read back', () => {
  const lineAfterFile = aFile('mine').split('\n').length;

  it.each([
    'holdAtMost: 0s',
    'lostControllerAfter: 50ms',
    'deadline: 0s',
    'deadline: 200000000d',
    'audience: [{ attribute: "a\\0b", in: [x] }]',
    'audience: *nobody',
    'alpha: .nan',
  ])('is refused before it is appended: %s', async (line) => {
    const decision = await aDecision();
    const refused = await apply(decision, `${aFile('mine')}${line}\n`);
    expect(refused).toMatchObject({ status: 422, body: { problems: [{ file: 'canary.yaml', line: lineAfterFile }] } });
    expect(await call(decision, 'GET', '/v1/experiments')).toEqual({ status: 200, body: { experiments: [] } });
  });

  it('is refused as an order, too', async () => {
    const decision = await aDecision();
    await apply(decision, aFile('mine'));
    for (const text of ['a\u0000b', 'half \ud800']) {
      expect(await order(decision, 'mine', 'pause', text)).toMatchObject({ status: 422 });
    }
    expect(await show(decision, 'mine')).toMatchObject({ phase: 'running', epoch: 1 });
  });

  it('is refused with the line that is no UTF-8', async () => {
    const decision = await aDecision();
    const bytes = Buffer.concat([Buffer.from(aFile('mine')), Buffer.from([0x23, 0xff, 0xfe])]);
    expect(await apply(decision, bytes)).toMatchObject({ status: 422, body: { problems: [{ line: lineAfterFile }] } });
  });
});
