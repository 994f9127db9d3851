import { connect, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { analyzerApp } from '#apps/analyzer';
import { decisionApp } from '#apps/decision';
import { recorderApp } from '#apps/recorder';
import { encodeEvent, examples, topics } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate, openDatabase } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { unusedPort } from '#libs/testing/processes';

let database: TestDatabase;
let bus: EventBus;
let running: RunningApp[] = [];

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
});
afterAll(() => database.close());
beforeEach(async () => {
  bus = await createEventBus({ carrier: 'postgres', database });
  await ensureTopics(bus, 2);
});
afterEach(async () => {
  await Promise.all(running.map((app) => app.close()));
  running = [];
  await bus.close();
});

interface Health {
  readonly status: number;
  readonly body: { readonly detail?: string; readonly checks: Readonly<Record<string, { readonly ok: boolean }>> };
}

async function health(app: RunningApp, which: 'live' | 'ready'): Promise<Health> {
  const answer = await fetch(`${app.url}/health/${which}`);
  return { status: answer.status, body: (await answer.json()) as Health['body'] };
}

async function keep<App extends RunningApp>(starting: Promise<App>): Promise<App> {
  const app = await starting;
  running.push(app);
  return app;
}

const eventually = (check: () => Promise<unknown>): Promise<unknown> =>
  vi.waitFor(check, { timeout: 15_000, interval: 50 });

async function expectUnready(app: RunningApp, reason: RegExp): Promise<void> {
  await eventually(async () => {
    const { status, body } = await health(app, 'ready');
    expect([status, body.detail]).toEqual([503, expect.stringMatching(reason)]);
  });
}

async function expectWell(app: RunningApp): Promise<void> {
  await eventually(async () => {
    const { status, body } = await health(app, 'ready');
    expect([status, body.detail]).toEqual([200, undefined]);
  });
}

const isLive = async (app: RunningApp): Promise<boolean> => (await health(app, 'live')).status === 200;

/** A table that a service needs, away while `work` runs. */
async function without(table: string, work: () => Promise<void>): Promise<void> {
  await database.query(`alter table teststrip.${table} rename to away`);
  try {
    await work();
  } finally {
    await database.query(`alter table teststrip.away rename to ${table}`);
  }
}

/** A table that nobody else can read or write while `work` runs. */
async function locked(table: string, work: () => Promise<void>): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query(`lock table teststrip.${table} in access exclusive mode`);
    await work();
  });
}

const routed = encodeEvent(examples.find(({ type }) => type === 'request.routed.v1')!);

describe('a consumer', () => {
  it('that fails again and again is not ready, says on what, and is well again when it works', async () => {
    const recorder = await keep(
      startApp(recorderApp, {
        resources: { database, bus },
        environment: { AUTH: 'off', CONSUMER_FAILING_AFTER_MS: '200' },
      }),
    );
    await expectWell(recorder);
    await without('request_facts', async () => {
      await bus.publish([routed]);
      await expectUnready(
        recorder,
        /recorder has failed \d+ times in .* on request\.routed\.v1\[\d\] at offset \d+: .*does not exist/,
      );
      expect(await isLive(recorder)).toBe(true);
    });
    await expectWell(recorder);
  });

  it('that does not come to an end with a batch is dead', async () => {
    const recorder = await keep(
      startApp(recorderApp, {
        resources: { database, bus },
        environment: { AUTH: 'off', CONSUMER_STALLED_AFTER_MS: '300' },
      }),
    );
    await locked('request_facts', async () => {
      await bus.publish([{ ...routed, headers: { ...routed.headers, ce_id: 'stalled' } }]);
      await eventually(async () => {
        const { status, body } = await health(recorder, 'live');
        expect([status, body.detail]).toEqual([503, expect.stringMatching(/recorder has stalled: .* one batch/)]);
      });
    });
    await eventually(async () => expect(await isLive(recorder)).toBe(true));
  });
});

describe('a decision service', () => {
  const environment = { DECISION_LATE_AFTER_MS: '500', AUTH: 'off' };

  it('whose clock is not looked at any more is not ready', async () => {
    const settings = { tickEveryMs: 3_600_000, heartbeatEveryMs: 20, lateAfterMs: 500 };
    const decision = await keep(startApp(decisionApp, { resources: { database, bus }, environment, settings }));
    await expectUnready(decision, /deciding on time was last done \d+ ms ago; 500 ms are allowed/);
  });

  it('that can not publish what it has decided is not ready', async () => {
    const publish: EventBus['publish'] = (records) =>
      records.every(({ topic }) => topic === topics.controllerHeartbeat.name)
        ? bus.publish(records)
        : Promise.reject(new Error('no broker'));
    const mute = {
      carrier: bus.carrier,
      createTopics: bus.createTopics.bind(bus),
      publish,
      subscribe: bus.subscribe.bind(bus),
      readAll: bus.readAll.bind(bus),
      partitionsOf: bus.partitionsOf.bind(bus),
      ping: bus.ping.bind(bus),
      close: bus.close.bind(bus),
    } as EventBus;
    const decision = await keep(startApp(decisionApp, { resources: { database, bus: mute }, environment }));
    const defined = await fetch(`${decision.url}/v1/experiments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(AN_EXPERIMENT),
    });
    expect(defined.status).toBe(201);
    await expectUnready(
      decision,
      /\d+ commands and definitions wait to be published, the oldest, of "text-to-image", was decided \d+ ms ago/,
    );
  });

  it('whose database does not answer is not ready, and says so', async () => {
    const own = await openDatabase({ url: database.url });
    const decision = await keep(startApp(decisionApp, { resources: { database: own, bus }, environment }));
    await expectWell(decision);
    await own.close();
    await expectUnready(decision, /the database does not answer: /);
  });
});

describe('a recorder', () => {
  it('whose bus does not answer is not ready, and says so', async () => {
    const own = await openDatabase({ url: database.url });
    const recorder = await keep(
      startApp(recorderApp, {
        resources: { database, bus: await createEventBus({ carrier: 'postgres', database: own }) },
        environment: { AUTH: 'off' },
      }),
    );
    await expectWell(recorder);
    await own.close();
    await expectUnready(recorder, /the bus does not answer: /);
  });
});

describe('a service whose Postgres is not there when it starts', () => {
  it('waits, says for what at its address, and goes on when it comes', async () => {
    const [postgresPort, port] = [await unusedPort(), await unusedPort()];
    const late = new URL(database.url);
    const { hostname, port: realPort } = late;
    late.host = `127.0.0.1:${postgresPort}`;
    const starting = keep(startApp(recorderApp, { environment: { AUTH: 'off', DATABASE_URL: late.href }, port }));
    await eventually(async () => {
      expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
      const ready = await fetch(`http://127.0.0.1:${port}/health/ready`);
      const { detail } = (await ready.json()) as { detail: string };
      expect([ready.status, detail]).toEqual([
        503,
        expect.stringMatching(
          new RegExp(`^waiting for Postgres at .*127.0.0.1:${postgresPort}/.*, tried .*: .*ECONNREFUSED`),
        ),
      ]);
      expect(detail).not.toContain(late.password === '' ? '\0' : late.password);
    });
    const way = createServer((from) => {
      const to = connect(Number(realPort), hostname);
      for (const socket of [from, to]) socket.on('error', () => undefined);
      from.pipe(to).pipe(from);
    });
    await new Promise<void>((resolve) => way.listen(postgresPort, '127.0.0.1', resolve));
    const recorder = await starting;
    await expectWell(recorder);
    expect(recorder.url).toContain(`:${port}`);
    running.splice(running.indexOf(recorder), 1);
    await recorder.close();
    way.close();
  });

  it('does not wait for what the address says wrong', async () => {
    const wrong = new URL(database.url);
    wrong.pathname = '/no-such-database';
    const environment = { AUTH: 'off', DATABASE_URL: wrong.href };
    await expect(startApp(recorderApp, { environment })).rejects.toThrow(/database "no-such-database" does not exist/);
  });
});

describe('an analyzer', () => {
  const environment = { AUTH: 'off', ANALYZER_LEADERLESS_AFTER_MS: '500' };

  it('that stands by is as well as the one that leads', async () => {
    const leader = await keep(startApp(analyzerApp, { resources: { database, bus }, environment }));
    const second = await keep(startApp(analyzerApp, { resources: { database, bus }, environment }));
    await expectWell(leader);
    await expectWell(second);
    const states = await Promise.all([leader, second].map(async (app) => (await health(app, 'ready')).body.checks));
    expect(states.map((checks) => checks['leadership'])).toMatchObject([
      { facts: { state: 'leading' } },
      { facts: { state: 'standing by' } },
    ]);
  });

  it('is not ready when nobody has read for too long, and says why', async () => {
    await without('evidence_snapshots', async () => {
      const analyzer = await keep(startApp(analyzerApp, { resources: { database, bus }, environment }));
      await expectUnready(analyzer, /no analyzer has read for \d+ ms, this one is starting again: .*does not exist/);
    });
    await expectWell(running[0]!);
  });
});

const config = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 24, precision: 'fp16' };
const AN_EXPERIMENT = {
  apiVersion: 'teststrip/v1',
  key: 'unpublished',
  service: 'text-to-image',
  kind: 'canary',
  variants: {
    control: { upstream: 'http://127.0.0.1:8100', config },
    candidate: { upstream: 'http://127.0.0.1:8101', config: { ...config, steps: 12 } },
  },
  ramp: [{ weight: '5%' }, { weight: '100%' }],
  guardrails: [{ metric: 'error-rate', margin: '+0.5pp' }],
};
