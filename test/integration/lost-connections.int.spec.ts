import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openDatabase, type Database } from '#libs/persistence';
import { watchNode, type WatchedProcess } from '#libs/testing/processes';

const STANDALONE = ['--import', 'tsx', '--conditions=teststrip-source', 'apps/standalone/src/main.ts'];
const EVERY_PORT = ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'ANALYZER', 'RECORDER'];

/** Name of the connections of this spec. */
const WATCHER = 'who watches';
const NOT_OURS = `backend_type = 'client backend' and application_name <> '${WATCHER}'`;

let database: Database;
let folder: string;
let upstream: Server;
let standalone: WatchedProcess;
/** Addresses by the name of the service. */
let urls: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-lost-'));
  // The account that Postgres runs under where we are root has to enter it.
  await chmod(folder, 0o755);
  upstream = createServer((request, response) => {
    request.resume();
    response.end('{}');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  standalone = watchNode(STANDALONE, {
    DATA_DIR: folder,
    WITHOUT: 'scorer',
    ...Object.fromEntries(EVERY_PORT.map((name) => [`${name}_PORT`, '0'])),
  });
  urls = JSON.parse(await standalone.said(/\{"ready":true.*\}/)) as typeof urls;
  database = await openDatabase({ url: await embeddedUrl(), applicationName: WATCHER });
}, 240_000);

afterAll(async () => {
  await database.close();
  standalone.process.kill();
  await standalone.ended;
  upstream.close();
  upstream.closeAllConnections();
  await rm(folder, { recursive: true });
});

/** The database of the process, which tells where it keeps it. */
async function embeddedUrl(): Promise<string> {
  const [, place] = /Postgres keeps its data in ([^"\n]+)/.exec(standalone.output()) ?? [];
  const { port, password } = JSON.parse(await readFile(join(place!, 'server.json'), 'utf8')) as Record<string, string>;
  return `postgres://postgres:${password}@127.0.0.1:${port}/teststrip`;
}

async function apply(): Promise<void> {
  const config = { checkpoint: 'a', sampler: 'ddim', steps: 20 };
  const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const file = {
    apiVersion: 'teststrip/v1',
    key: 'lost-connections',
    service: 'text-to-image',
    kind: 'canary',
    variants: {
      control: { upstream: address, config: { ...config, precision: 'fp16' } },
      candidate: { upstream: address, config: { ...config, precision: 'int8' } },
    },
    ramp: { auto: { from: '5%' } },
    guardrails: [{ metric: 'error-rate', margin: '+5pp' }],
  };
  const token = (await readFile(join(folder, 'operator-token'), 'utf8')).trim();
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const answer = await fetch(new URL('v1/experiments', urls['decision']), {
    method: 'POST',
    headers,
    body: JSON.stringify(file),
  });
  expect([answer.status, await answer.text()]).toEqual([201, expect.any(String)]);
  await eventually(async () => {
    const allocations = await fetch(new URL('v1/allocations', urls['routerAdmin']));
    expect(await allocations.json()).toMatchObject({ services: [{ command: { command: 'start' } }] });
  });
}

let sentInAll = 0;

/** Sends requests one after another until it is told to stop: then it says how many were answered with something else than 200. */
function sendRequests(): { stop(): Promise<number> } {
  const over = new AbortController();
  let failed = 0;
  const done = (async () => {
    while (!over.signal.aborted) {
      const headers = { 'teststrip-unit': `unit-${sentInAll}` };
      const answer = await fetch(new URL('v1/services/text-to-image/x', urls['router']), { method: 'POST', headers });
      await answer.arrayBuffer();
      sentInAll += 1;
      if (answer.status !== 200) failed += 1;
      await pause(5);
    }
    return failed;
  })();
  // Where the test fails before, its process is ended under the request on its way.
  done.catch(() => undefined);
  return {
    stop: () => {
      over.abort();
      return done;
    },
  };
}

async function recorded(): Promise<number> {
  const [row] = await database.query<{ count: number }>('select count(*) as count from teststrip.requests');
  return row!.count;
}

/** The connections of the process, what they are for first. */
function backends(): Promise<{ pid: number }[]> {
  return database.query(`select pid from pg_stat_activity where ${NOT_OURS} order by query`);
}

const eventually = (check: () => Promise<unknown>): Promise<unknown> =>
  vi.waitFor(check, { timeout: 60_000, interval: 50 });

/** Waits until more of the requests have been recorded. */
async function goesOn(): Promise<void> {
  const before = await recorded();
  await eventually(async () => expect(await recorded()).toBeGreaterThan(before + 5));
}

/** Everything that was sent so far is recorded once and analysed, and every service is well. */
async function expectAllIsWell(): Promise<void> {
  // What was lost on its way was sent again, and counts once.
  await eventually(async () => expect(await recorded()).toBe(sentInAll));
  await eventually(async () => {
    const [{ analysed, routed }] = (await database.query(
      `select (select sum(value::integer)::integer from jsonb_each_text(newest.analysis->'requests')) as analysed,
              (select count(*)::integer from teststrip.requests where experiment = newest.experiment) as routed
         from teststrip.analyses as newest order by analysed_at desc limit 1`,
    )) as [{ analysed: number; routed: number }];
    expect(routed).toBeGreaterThan(0);
    expect(analysed).toBeGreaterThanOrEqual(routed);
  });
  for (const [name, url] of Object.entries(urls)) {
    if (typeof url !== 'string') continue;
    await eventually(async () => {
      const answer = await fetch(new URL('health/ready', url));
      expect([name, answer.status, await answer.text()]).toEqual([name, 200, expect.any(String)]);
    });
  }
  expect(standalone.process.exitCode).toBeNull();
}

it('a process outlives the end of each of its connections while it works, and goes on with its work without a gap', async () => {
  await apply();
  const requests = sendRequests();
  await eventually(async () => expect(await recorded()).toBeGreaterThan(20));
  await (await fetch(new URL('api/experiments', urls['reports']))).arrayBuffer();
  const connections = await backends();
  // The pool, LISTEN, the sessions that hold partitions and the lead, TypeORM's reads, and what looks after the server.
  expect(connections.length).toBeGreaterThan(6);
  for (const { pid } of connections) {
    await database.query('select pg_terminate_backend($1)', [pid]);
    await goesOn();
  }
  await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${NOT_OURS}`);
  await goesOn();
  expect(await requests.stop()).toBe(0);
  await expectAllIsWell();
}, 240_000);

it('the router answers while Postgres is gone, and everything goes on when it is back', async () => {
  const requests = sendRequests();
  await goesOn();
  const [server] = await database.query<{ pid: number }>(
    `select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer as pid`,
  );
  process.kill(server!.pid, 'SIGKILL');
  await standalone.said(/the embedded Postgres had ended and was started again/);
  await eventually(goesOn);
  expect(await requests.stop()).toBe(0);
  await expectAllIsWell();
}, 240_000);
