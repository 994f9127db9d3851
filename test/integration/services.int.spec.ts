import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { analyzerApp } from '#apps/analyzer';
import { decisionApp } from '#apps/decision';
import { routerApp } from '#apps/router';
import {
  decodeEvent,
  encodeEvent,
  stampEvent,
  type EventDraft,
  type ExperimentDefined,
  type TeststripEvent,
} from '#libs/contracts';
import { createEventBus, deadLetterHeaders, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

let database: TestDatabase;
let bus: EventBus;
let closing: (() => Promise<unknown>)[] = [];
let service = '';
let services = 0;

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
});
afterAll(() => database.close());

beforeEach(async () => {
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
  service = `service-${(services += 1)}`;
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  closing = [];
  await bus.close();
});

async function aDecision(controller = 'decision-a'): Promise<RunningApp> {
  const settings = { tickEveryMs: 20, controller, group: controller };
  const decision = await startApp(decisionApp, {
    resources: { database, bus },
    environment: { AUTH: 'off' },
    settings,
  });
  closing.push(() => decision.close());
  return decision;
}

/** An upstream that answers with its name. */
async function named(name: string): Promise<string> {
  return listening((request, response) => {
    request.resume();
    response.end(name);
  });
}

async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const CONFIG = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 24, precision: 'fp16' };
interface Variant {
  readonly upstream: string;
  readonly config: typeof CONFIG;
}
const variant = (steps: number, upstream = 'http://127.0.0.1:8100/'): Variant => ({
  upstream,
  config: { ...CONFIG, steps },
});

function aFile(
  key: string,
  control: Variant,
  candidate: Variant,
  more: Readonly<Record<string, unknown>> = {},
): unknown {
  const guardrails = [{ metric: 'error-rate', margin: '+0.5pp' }];
  const variants = { control, candidate };
  return {
    apiVersion: 'teststrip/v1',
    key: `${service}-${key}`,
    service,
    kind: 'canary',
    variants,
    guardrails,
    ...more,
  };
}

interface Answer {
  readonly status: number;
  // What a test expects of it is what it checks.
  readonly body: any;
}

async function call(app: RunningApp, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(new URL(path, app.url), {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const apply = (app: RunningApp, file: unknown): Promise<Answer> => call(app, 'POST', '/v1/experiments', file);
const because = { actor: 'ana', reason: 'to see what happens' };
const order = (app: RunningApp, key: string, what: string): Promise<Answer> =>
  call(app, 'POST', `/v1/experiments/${service}-${key}/${what}`, because);
const aboutService = (app: RunningApp, what = ''): Promise<Answer> =>
  call(app, 'GET', `/v1/services/${service}${what}`);
const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 10_000, interval: 5 });

const slot = (id: string, fromPpm: number, toPpm: number) => ({ id, fromPpm, toPpm });

describe('a feature', () => {
  it('is applied without an upstream, and the winner’s parameters become the baseline', async () => {
    const decision = await aDecision();
    const [control, candidate] = [{ parameters: { guidance: 7.5 } }, { parameters: { guidance: 5 } }];
    const file = { ...(aFile('f', variant(1), variant(2)) as object), variants: { control, candidate } };
    expect(await apply(decision, file)).toMatchObject({ status: 201 });
    await order(decision, 'f', 'promote');
    expect(await aboutService(decision)).toMatchObject({ body: { baseline: { config: candidate } } });
    const next = { ...(aFile('g', variant(1), variant(2)) as object), variants: { control, candidate } };
    expect(await apply(decision, next)).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('parameters is {"guidance":7.5}, the baseline\'s {"guidance":5}') },
    });
  });
});

describe('a service', () => {
  it('takes one experiment at a time, starts from what was promoted, and tells all that happened to it', async () => {
    const decision = await aDecision();
    expect(await aboutService(decision)).toMatchObject({ status: 404 });
    expect(await apply(decision, aFile('a', variant(24), variant(12)))).toMatchObject({ status: 201 });
    expect(await apply(decision, aFile('b', variant(24), variant(8)))).toMatchObject({
      status: 409,
      body: { type: 'urn:teststrip:refused:slot-taken', detail: expect.stringContaining(`${service}-a/rollback`) },
    });
    expect(
      await apply(decision, { ...(aFile('a', variant(24), variant(12)) as object), service: 'another' }),
    ).toMatchObject({
      status: 409,
      body: { type: 'urn:teststrip:refused:service-is-fixed' },
    });
    await order(decision, 'a', 'promote');
    expect(await aboutService(decision)).toMatchObject({
      body: { epoch: 2, heldBy: null, baseline: { config: { steps: 12 } }, latched: [] },
    });
    expect(await apply(decision, aFile('b', variant(24), variant(8)))).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("steps is 24, the baseline's 12") },
    });
    expect(await apply(decision, aFile('b', variant(12), variant(8)))).toMatchObject({
      status: 201,
      body: { epoch: 3 },
    });
    const { body } = await aboutService(decision, '/events');
    expect(body.events.map(({ kind }: { kind: string }) => kind)).toEqual([
      'commanded',
      'slot-taken',
      'baseline-set',
      'commanded',
      'baseline-set',
      'slot-freed',
      'commanded',
      'slot-taken',
    ]);
    const { body: all } = await call(decision, 'GET', '/v1/services');
    expect(all.services).toContainEqual(expect.objectContaining({ service, epoch: 3 }));
  });

  it('keeps what was rolled back away until a retry, also after a restart', async () => {
    const first = await aDecision();
    await apply(first, aFile('a', variant(24), variant(12)));
    await order(first, 'a', 'rollback');
    await closing.pop()?.();
    const decision = await aDecision();
    const changed = aFile('a', variant(24), variant(12), { deadline: '23h' });
    const refused = await apply(decision, changed);
    expect(refused).toMatchObject({ status: 409, body: { type: 'urn:teststrip:refused:fingerprint-latched' } });
    expect(await apply(decision, aFile('b', variant(24), variant(12)))).toMatchObject({ status: 409 });
    const { latched } = (await aboutService(decision)).body;
    expect(latched).toMatchObject([
      { experiment: `${service}-a`, revision: 1, message: expect.stringContaining('ana') },
    ]);
    const { fingerprint } = latched[0];
    const path = `/v1/services/${service}/retry`;
    expect(await call(decision, 'POST', path, { ...because, fingerprint: 'nobody' })).toMatchObject({ status: 409 });
    expect(await call(decision, 'POST', path, { fingerprint, actor: 'ana' })).toMatchObject({ status: 422 });
    expect(await call(decision, 'POST', path, { ...because, fingerprint })).toMatchObject({ body: { latched: [] } });
    expect(await apply(decision, changed)).toMatchObject({ status: 201, body: { revision: 2 } });
  });

  it('can be paused, drained, deleted and brought back, with its experiments, and what has ended archived', async () => {
    const decision = await aDecision();
    const mode = (what: string): Promise<Answer> => call(decision, 'POST', `/v1/services/${service}/${what}`, because);
    const phase = async (key: string) =>
      (await call(decision, 'GET', `/v1/experiments/${service}-${key}`)).body.phase as string;
    const listed = async (query = '') =>
      (await call(decision, 'GET', `/v1/experiments${query}`)).body.experiments.map(({ key }: { key: string }) => key);
    await apply(decision, aFile('one', variant(24), variant(12)));
    expect(await mode('pause')).toMatchObject({ status: 200, body: { mode: 'paused' } });
    expect(await phase('one')).toBe('paused');
    expect((await order(decision, 'one', 'resume')).body.type).toBe('urn:teststrip:refused:service-paused');
    await mode('resume');
    expect(await phase('one')).toBe('running');
    await order(decision, 'one', 'pause');
    await mode('resume');
    expect(await phase('one')).toBe('paused');
    await order(decision, 'one', 'resume');
    expect((await order(decision, 'one', 'archive')).status).toBe(409);
    expect((await mode('delete')).status).toBe(409);
    expect(await mode('drain')).toMatchObject({ body: { mode: 'drained', heldBy: null, latched: [] } });
    expect(await phase('one')).toBe('concluded');
    expect((await order(decision, 'one', 'archive')).status).toBe(200);
    expect(await listed()).not.toContain(`${service}-one`);
    expect(await listed('?archived=true')).toContain(`${service}-one`);
    expect((await mode('delete')).status).toBe(200);
    const names = async (query = '') =>
      (await call(decision, 'GET', `/v1/services${query}`)).body.services.map(
        (one: { service: string }) => one.service,
      );
    expect([(await names()).includes(service), (await names('?deleted=true')).includes(service)]).toEqual([
      false,
      true,
    ]);
    await eventually(async () => {
      const told = (await bus.readAll('service.defined.v1')).map((record) => decodeEvent(record)).at(-1);
      expect(told?.data).toMatchObject({ service, deleted: true });
    });
    await mode('resume');
    expect((await apply(decision, aFile('two', variant(24), variant(7)))).status).toBe(201);
  });

  it('is taken by one of two controllers that are asked at the same time', async () => {
    const [one, two] = [await aDecision('decision-a'), await aDecision('decision-b')];
    const answers = await Promise.all(
      [one, two, one, two].map((decision, index) =>
        apply(decision, aFile(`e${index}`, variant(24), variant(index + 2))),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  it('of before services had logs gets one at the start of the decision service', async () => {
    const first = await aDecision();
    await apply(first, aFile('a', variant(24), variant(12)));
    await order(first, 'a', 'pause');
    await closing.pop()?.();
    await database.query('alter table teststrip.service_events disable trigger all');
    await database.query('delete from teststrip.service_events where service = $1', [service]);
    await database.query('delete from teststrip.services where name = $1', [service]);
    await database.query('alter table teststrip.service_events enable trigger all');
    const decision = await aDecision();
    expect((await aboutService(decision)).body).toMatchObject({
      epoch: 2,
      heldBy: { experiment: `${service}-a` },
      baseline: { config: { steps: 24 } },
    });
    expect(await apply(decision, aFile('b', variant(24), variant(8)))).toMatchObject({ status: 409 });
  });

  it('whose log can not be read is told by its experiments, and nobody else notices', async () => {
    const first = await aDecision();
    await apply(first, aFile('a', variant(24), variant(12)));
    await closing.pop()?.();
    await database.query('alter table teststrip.service_events disable trigger all');
    await database.query(
      `update teststrip.service_events set data = jsonb_set(data, '{baseline,upstream}', '7')
        where service = $1 and kind = 'baseline-set'`,
      [service],
    );
    await database.query('alter table teststrip.service_events enable trigger all');
    const decision = await aDecision();
    expect(await aboutService(decision)).toMatchObject({ body: { epoch: 1, heldBy: { experiment: `${service}-a` } } });
    expect(await order(decision, 'a', 'rollback')).toMatchObject({ status: 200, body: { epoch: 2 } });
    // What was rolled back stays so, also for who has read the log no more than the first.
    const other = await aDecision();
    expect(await apply(other, aFile('b', variant(24), variant(12)))).toMatchObject({
      status: 409,
      body: { type: 'urn:teststrip:refused:fingerprint-latched' },
    });
    expect(await apply(other, aFile('b', variant(24), variant(8)))).toMatchObject({
      status: 201,
      body: { epoch: 3 },
    });
  });

  it('gets no route that another one is given at the same moment, by whichever process', async () => {
    const processes = [await aDecision(), await aDecision()];
    for (let round = 0; round < 4; round += 1) {
      const route = `/v1/${service}/${round}`;
      const asked = await Promise.all(
        processes.map((decision, index) => {
          const file = aFile(`${round}-${index}`, variant(24), variant(12), { route }) as object;
          return apply(decision, { ...file, service: `${service}-${round}-${index}` });
        }),
      );
      expect(asked.map(({ status }) => status).sort()).toEqual([201, 409]);
      expect(asked.find(({ status }) => status === 409)?.body.type).toBe('urn:teststrip:refused:route-taken');
    }
  });

  it('that is paused lets nothing run that was begun at the same moment', async () => {
    const decision = await aDecision();
    for (let round = 0; round < 4; round += 1) {
      const file = { ...(aFile(`${round}`, variant(24), variant(12)) as object), service: `${service}-${round}` };
      const path = `/v1/services/${service}-${round}`;
      await call(decision, 'POST', `${path}/baseline`, { ...because, ...variant(24) });
      const [begun] = await Promise.all([apply(decision, file), call(decision, 'POST', `${path}/pause`, because)]);
      if (begun.status === 409) continue;
      const { phase } = (await call(decision, 'GET', `/v1/experiments/${service}-${round}`)).body;
      expect([begun.status, phase]).toEqual([201, 'paused']);
    }
  });

  it('has orders that are ordered, then effective; what a router does not follow is ordered again until it does', async () => {
    const decision = await aDecision();
    const show = async (): Promise<any> => (await call(decision, 'GET', `/v1/experiments/${service}-a`)).body;
    await apply(decision, aFile('a', variant(24), variant(12)));
    expect(await show()).toMatchObject({ effect: 'ordered', epoch: 1 });
    // A router that a database of before its backup has given orders to.
    let epoch = 57;
    const beat = async (leaving = false): Promise<void> => {
      const data = {
        router: 'router-x',
        at: new Date().toISOString(),
        services: { [service]: epoch },
        brokenGlass: [],
        leaving,
      };
      const event = {
        type: 'router.heartbeat.v1',
        id: `${Math.random()}`,
        timeMs: Date.now(),
        subject: 'router-x',
        data,
      };
      await bus.publish([encodeEvent(stampEvent(event as EventDraft, 'test'))]);
    };
    const beating = setInterval(() => void beat(), 200);
    closing.push(async () => clearInterval(beating));
    await eventually(async () => expect(await show()).toMatchObject({ epoch: 58 }));
    expect(await show()).toMatchObject({
      phase: 'running',
      alerts: [{ alert: 'contested', message: expect.stringContaining('router-x has not followed it') }],
    });
    epoch = 58;
    await eventually(async () => expect(await show()).toMatchObject({ effect: 'effective', epoch: 58 }));
    expect(await order(decision, 'a', 'rollback')).toMatchObject({ body: { effect: 'ordered', epoch: 59 } });
    await eventually(async () =>
      expect(await show()).toMatchObject({ epoch: 60, lastCommand: { command: 'rollback' } }),
    );
    clearInterval(beating);
    await beat(true);
    await eventually(async () => expect(await show()).toMatchObject({ effect: 'ordered' }));
  });

  it('is served by its router as its one order of epochs says: drafts, promotions, rollbacks and a baseline set by hand', async () => {
    const [v1, v2, v3] = await Promise.all(['v1', 'v2', 'v3'].map(named));
    const decision = await aDecision();
    const router = await startApp(routerApp, {
      environment: { AUTH: 'off' },
      resources: { bus },
      settings: { port: 0, routerId: 'router-a', lastKnownGoodFile: undefined },
    });
    closing.push(() => router.close());
    const served = async (): Promise<string> => {
      const url = new URL(`/v1/services/${service}/generations`, router.exposed.url);
      return (await fetch(url, { method: 'POST', body: '{}' })).text();
    };
    await apply(decision, aFile('a', variant(24, v1), variant(12, v2)));
    await order(decision, 'a', 'promote');
    await eventually(async () => expect(await served()).toBe('v2'));
    const ramp = [{ weight: '1%', approval: 'required' }, { weight: '100%' }];
    expect(await apply(decision, aFile('draft', variant(12, v3), variant(8, v3), { ramp }))).toMatchObject({
      status: 201,
      body: { phase: 'draft' },
    });
    expect(await served()).toBe('v2');
    await apply(decision, aFile('b', variant(12, v2), variant(6, v3)));
    await order(decision, 'b', 'promote');
    await eventually(async () => expect(await served()).toBe('v3'));
    expect(await order(decision, 'a', 'rollback')).toMatchObject({
      status: 409,
      body: { type: 'urn:teststrip:refused:not-served-any-more' },
    });
    await order(decision, 'b', 'rollback');
    await eventually(async () => expect(await served()).toBe('v2'));
    const path = `/v1/services/${service}/baseline`;
    expect(await call(decision, 'POST', path, { ...because, ...variant(24, v1) })).toMatchObject({ status: 200 });
    await eventually(async () => expect(await served()).toBe('v1'));
    const route = { path: `/v1/${service}` };
    expect(await call(decision, 'POST', path, { ...because, route })).toMatchObject({
      body: { baseline: { upstream: v1, route } },
    });
    expect((await call(decision, 'POST', path, { ...because, upstream: v1 })).body.detail).toBe('config is missing');
    expect((await call(decision, 'POST', path, because)).body.detail).toBe('upstream is missing; config is missing');
    const taken = { ...(aFile('c', variant(24), variant(8)) as object), service: `${service}-two`, route: route.path };
    expect(await apply(decision, taken)).toMatchObject({
      status: 409,
      body: { type: 'urn:teststrip:refused:route-taken', detail: expect.stringContaining(`of ${service},`) },
    });
    for (const upstream of ['ftp://x/', 'http:///h', 'http://u:p4ssw0rd@h/', `http://h/${'x'.repeat(3_000)}`]) {
      expect(await call(decision, 'POST', path, { ...because, ...variant(24, upstream) })).toMatchObject({
        status: 422,
      });
    }
    const { epoch } = (await aboutService(decision)).body;
    await eventually(async () => {
      const beats = (await bus.readAll('controller.heartbeat.v1')).map((record) => decodeEvent(record).data);
      expect(beats.at(-1)).toMatchObject({ services: { [service]: epoch } });
    });
  });

  it('divided into slots, runs an experiment in each; a rollback leaves the other, restarts leave all, and a whole service comes back', async () => {
    const decision = await aDecision();
    const [v1, v2, v3] = await Promise.all(['v1', 'v2', 'v3'].map(named));
    const settings = { port: 0, lastKnownGoodFile: undefined };
    const router = await startApp(routerApp, {
      environment: { AUTH: 'off' },
      resources: { bus },
      settings: { ...settings, routerId: 'router-a' },
    });
    closing.push(() => router.close());
    const divide = (slots: unknown, holdoutPpm = 0): Promise<Answer> =>
      call(decision, 'PUT', `/v1/services/${service}/slots`, { ...because, slots, holdoutPpm });
    const halves = [slot('left', 0, 450_000), slot('right', 450_000, 900_000)];
    expect(await divide([slot('left', 0, 450_000), slot('right', 400_000, 900_000)])).toMatchObject({
      status: 422,
      body: { type: 'urn:teststrip:refused:slots-overlap' },
    });
    expect(await divide([slot('holdout', 0, 450_000)])).toMatchObject({ status: 422 });
    expect(await divide(halves, 100_000)).toMatchObject({ status: 200, body: { holdoutPpm: 100_000, free: [] } });
    expect(await apply(decision, aFile('a', variant(24, v1), variant(12, v2)))).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('expected slot: one of left, right') },
    });
    await apply(decision, aFile('a', variant(24, v1), variant(12, v2), { slot: 'left' }));
    await apply(decision, aFile('b', variant(24, v1), variant(8, v3), { slot: 'right' }));
    expect(await divide([slot('left', 0, 460_000)])).toMatchObject({ status: 409 });
    await order(decision, 'a', 'promote');

    const users = Array.from({ length: 24 }, (_, index) => `user-${index}`);
    const ask = (app: typeof router) =>
      Promise.all(
        users.map(async (user) => {
          const url = new URL(`/v1/services/${service}/generations`, app.exposed.url);
          return (await fetch(url, { method: 'POST', body: '{}', headers: { 'teststrip-unit': user } })).text();
        }),
      );
    const kinds = async (app = router): Promise<readonly string[]> => [...new Set(await ask(app))].sort();
    // All of the left are served by its winner; the baseline is what the right compares with.
    await eventually(async () =>
      expect((await ask(router)).filter((answer) => answer === 'v2').length).toBeGreaterThan(6),
    );
    const before = await ask(router);
    expect((await aboutService(decision)).body).toMatchObject({
      baseline: { config: { steps: 24 } },
      slots: [
        { experiment: `${service}-a`, waits: true },
        { experiment: `${service}-b`, waits: false },
      ],
    });
    expect(await order(decision, 'a', 'promote')).toMatchObject({
      status: 409,
      body: { type: 'urn:teststrip:refused:others-run' },
    });
    await order(decision, 'b', 'rollback');
    await eventually(async () => expect(await kinds()).toEqual(['v1', 'v2']));
    expect((await ask(router)).map((answer) => answer === 'v2')).toEqual(before.map((answer) => answer === 'v2'));

    const again = await startApp(routerApp, {
      environment: { AUTH: 'off' },
      resources: { bus },
      settings: { ...settings, routerId: 'router-b' },
    });
    closing.push(() => again.close());
    await eventually(async () => expect(await ask(again)).toEqual(await ask(router)));
    await closing.shift()?.();
    const other = await aDecision('decision-b');
    await call(other, 'POST', `/v1/experiments/${service}-a/promote`, because);
    await eventually(async () => expect(await kinds()).toEqual(['v2']));
    expect(await kinds(again)).toEqual(['v2']);
    const told = (await bus.readAll('request.routed.v1')).map(
      (record) => decodeEvent(record).data as { slot?: string },
    );
    expect(new Set(told.map((data) => data.slot))).toEqual(new Set(['left', 'right', 'holdout']));
    const whole = { ...because, slots: [slot('all', 0, 1_000_000)] };
    expect(await call(other, 'PUT', `/v1/services/${service}/slots`, whole)).toMatchObject({ status: 200 });
    expect(await apply(other, aFile('c', variant(12, v2), variant(6, v3)))).toMatchObject({ status: 201 });
  });
});

describe('orders on a bus that others may write to', () => {
  let dataDir: string;
  let shared: EventBus;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'teststrip-orders-'));
    shared = await createEventBus({ carrier: 'postgres', database });
    await ensureTopics(shared, 2);
    closing.push(
      () => rm(dataDir, { recursive: true, force: true }),
      () => shared.close(),
    );
  });

  const startDecision = async (environment: Readonly<Record<string, string>>): Promise<RunningApp> => {
    const resources = { database, bus: shared };
    return startApp(decisionApp, { resources, environment, settings: { tickEveryMs: 20, heartbeatEveryMs: 200 } });
  };
  const startRouter = async (routerId: string) => {
    const settings = { port: 0, routerId, lastKnownGoodFile: undefined };
    const router = await startApp(routerApp, {
      resources: { bus: shared },
      environment: { DATA_DIR: dataDir },
      settings,
    });
    closing.push(() => router.close());
    const url = new URL(`/v1/services/${service}/generations`, router.exposed.url);
    const ask = async (user: number): Promise<string> => {
      const headers = { 'teststrip-unit': `user-${user}` };
      return (await fetch(url, { method: 'POST', body: '{}', headers })).text();
    };
    /** Who serves each of some users. */
    return () => Promise.all(Array.from({ length: 16 }, (_, user) => ask(user)));
  };
  /** Its newest event about the service, with something else in it, and the key of nobody. */
  const forge = async (topic: string, key: string, changes: Readonly<Record<string, unknown>>): Promise<void> => {
    const record = (await shared.readAll(topic)).findLast((one) => one.key?.toString() === key)!;
    const { data, ...envelope } = decodeEvent(record);
    const id = `forged-${Math.random()}`;
    await shared.publish([encodeEvent({ ...envelope, id, data: { ...data, ...changes } } as TeststripEvent)]);
  };

  it('are the controller’s alone: what is forged changes nothing and is told, and the true rollback after it is obeyed; a log of before is signed at the start', async () => {
    const [control, candidate, evil] = await Promise.all(['control', 'candidate', 'evil'].map(named));
    const key = `${service}-a`;
    const ramp = [{ weight: '50%' }, { weight: '100%' }];
    const unsigned = await startDecision({ AUTH: 'off' });
    await apply(unsigned, aFile('a', variant(24, control), variant(12, candidate), { ramp }));
    await unsigned.close();
    expect((await shared.readAll('allocation.commanded.v1')).at(-1)!.headers['ce_signature']).toBeUndefined();

    const decision = await startDecision({ DATA_DIR: dataDir });
    closing.push(() => decision.close());
    const token = (await readFile(join(dataDir, 'operator-token'), 'utf8')).trim();
    const show = async (): Promise<any> => (await call(decision, 'GET', `/v1/experiments/${key}`)).body;
    const served = await startRouter('router-signed');
    const half = await served();
    expect(new Set(half)).toEqual(new Set(['candidate', 'control']));
    const signed = (await shared.readAll('allocation.commanded.v1')).find((one) => one.key?.toString() === key)!;

    const more = { weightsPpm: { control: 0, candidate: 1_000_000 }, epoch: 2 ** 31 - 1, commandId: 'forged' };
    await forge('allocation.commanded.v1', key, { ...more, command: 'promote', terminal: true });
    const { spec } = decodeEvent((await shared.readAll('experiment.defined.v1')).at(-1)!).data as ExperimentDefined;
    const variants = { ...spec.variants, control: { ...spec.variants['control'], upstream: evil } };
    await forge('experiment.defined.v1', key, { spec: { ...spec, variants }, policy: 99 });
    await forge('service.defined.v1', service, {
      baseline: { upstream: evil, config: {}, fingerprint: 'f' },
      epoch: 2 ** 31 - 1,
    });
    await eventually(async () =>
      expect((await show()).alerts).toEqual(
        expect.arrayContaining(
          [
            {
              alert: 'contested',
              message: expect.stringMatching(/Somebody else .* allocation\.commanded\.v1 .* not signed/),
            },
            { alert: 'contested', message: expect.stringMatching(/Somebody else .* experiment\.defined\.v1/) },
          ].map((alert) => expect.objectContaining(alert)),
        ),
      ),
    );
    expect(await served()).toEqual(half);
    const dead = (await shared.readAll('allocation.commanded.v1.dead')).map(({ headers }) => headers);
    expect(dead.map((headers) => String(headers[deadLetterHeaders.reason]))).toContainEqual(
      expect.stringContaining('not signed'),
    );

    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const rollback = await fetch(new URL(`/v1/experiments/${key}/rollback`, decision.url), {
      method: 'POST',
      headers,
      body: JSON.stringify({ reason: 'it was forged' }),
    });
    expect(await rollback.json()).toMatchObject({ phase: 'rolled-back', epoch: 2 });
    await eventually(async () => expect(await show()).toMatchObject({ effect: 'effective', epoch: 2 }));
    expect(new Set(await served())).toEqual(new Set(['control']));

    // Forged once more, where a router that starts now looks for the order in force.
    const { topic, key: its, value } = signed;
    const again = { topic, key: its, headers: signed.headers as Readonly<Record<string, Buffer>>, value };
    for (const displace of [
      () => forge('allocation.commanded.v1', key, { ...more, command: 'promote' }),
      // Its own order of before, with the signature that it had.
      () => shared.publish([again]),
    ]) {
      await displace();
      await eventually(async () => {
        const newest = (await shared.readAll('allocation.commanded.v1')).find((one) => one.key?.toString() === key);
        expect(decodeEvent(newest!).data).toMatchObject({ command: 'rollback', epoch: 2 });
      });
    }
    expect(new Set(await (await startRouter('router-later'))())).toEqual(new Set(['control']));
  }, 60_000);
});

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}
interface Exported {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

/** Requests that bring a trace of their own. */
const USERS = 400;
const idsOf = (user: number) => ({
  traceId: user.toString(16).padStart(32, 'a'),
  spanId: user.toString(16).padStart(16, 'b'),
});

/** A span and those that it follows from, the last one first. */
function wayTo(name: string, spans: readonly Span[]): readonly Span[] {
  const way: Span[] = [];
  let span = spans.findLast((one) => one.name === name);
  while (span) {
    way.push(span);
    const { traceId, parentSpanId }: Span = span;
    span = spans.find((one) => one.traceId === traceId && one.spanId === parentSpanId);
  }
  return way;
}

describe('a trace', () => {
  it('leads from a request to the rollback that it caused, and to where that is served', async () => {
    const spans: Span[] = [];
    const collector = await listening(async (request, response) => {
      const { resourceSpans } = (await json(request)) as Exported;
      if (request.url === '/v1/traces')
        spans.push(...resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)));
      response.end('{}');
    });
    const failing = await listening((request, response) => {
      request.resume();
      response.writeHead(500).end();
    });
    const environment = { AUTH: 'off', OTEL_EXPORTER_OTLP_ENDPOINT: collector };
    const decision = await startApp(decisionApp, {
      resources: { database, bus },
      environment,
      settings: { tickEveryMs: 20, controller: 'decision-t', group: 'decision-t' },
    });
    const analyzer = await startApp(analyzerApp, { resources: { database, bus }, environment });
    const router = await startApp(routerApp, {
      environment,
      resources: { bus },
      settings: { port: 0, routerId: 'router-t', lastKnownGoodFile: undefined },
    });
    closing.push(...[decision, analyzer, router].map((app) => () => app.close()));
    const ramp = [{ weight: '50%' }, { weight: '100%' }];
    await apply(decision, aFile('t', variant(24, await named('v1')), variant(12, failing), { ramp }));
    const url = new URL(`/v1/services/${service}/generations`, router.exposed.url);
    const ask = async (user: number): Promise<void> => {
      const { traceId, spanId } = idsOf(user);
      const headers = {
        'teststrip-unit': `user-${user}`,
        traceparent: `00-${traceId}-${spanId}-01`,
        tracestate: 'theirs=1',
      };
      await (await fetch(url, { method: 'POST', body: '{}', headers })).text();
    };
    await eventually(async () => expect((await fetch(url, { method: 'POST', body: '{}' })).status).not.toBe(404));
    for (let user = 0; user < USERS; user += 20)
      await Promise.all(Array.from({ length: 20 }, (_, index) => ask(user + index)));
    let way: readonly Span[] = [];
    // Each service sends its own, a second later.
    await eventually(() => {
      way = wayTo('apply rollback', spans);
      expect(way.map(({ name }) => name)).toEqual([
        'apply rollback',
        'decide rollback',
        'analyse',
        `request ${service}`,
      ]);
    });
    const theirs = Array.from({ length: USERS }, (_, user) => idsOf(user));
    const request = way.at(-1)!;
    expect(theirs).toContainEqual({ traceId: request.traceId, spanId: request.parentSpanId });
    expect(request.traceState).toBe('theirs=1');
    const { links } = way[2]!;
    const requests = new Set(spans.filter(({ name }) => name === request.name).map(({ spanId }) => spanId));
    expect(links.length).toBeGreaterThan(1);
    expect(links.filter(({ spanId }) => !requests.has(spanId))).toEqual([]);
    const [told] = (await bus.readAll('request.routed.v1')).map(decodeEvent).filter(({ tracestate }) => tracestate);
    expect(told).toMatchObject({ tracestate: 'theirs=1' });
  }, 60_000);
});
