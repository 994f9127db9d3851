import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { watchNode, type WatchedProcess } from '#libs/testing/processes';

const STANDALONE = ['--import', 'tsx', '--conditions=teststrip-source', 'apps/standalone/src/main.ts'];
const EVERY_PORT = ['ROUTER', 'ROUTER_ADMIN', 'DECISION', 'REPORTS', 'ANALYZER', 'RECORDER'];

let database: TestDatabase;
let folder: string;
let upstream: Server;
let standalone: WatchedProcess;
/** Addresses by the name of the service. */
let urls: Readonly<Record<string, string>>;

beforeAll(async () => {
  database = await withDatabase();
  folder = await mkdtemp(join(tmpdir(), 'teststrip-lost-'));
  upstream = createServer((request, response) => {
    request.resume();
    response.end('{}');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  standalone = watchNode(STANDALONE, {
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    WITHOUT: 'scorer',
    ...Object.fromEntries(EVERY_PORT.map((name) => [`${name}_PORT`, '0'])),
  });
  urls = JSON.parse(await standalone.said(/\{"ready":true.*\}/)) as typeof urls;
}, 120_000);

afterAll(async () => {
  standalone.process.kill();
  await standalone.ended;
  upstream.close();
  upstream.closeAllConnections();
  await database.close();
  await rm(folder, { recursive: true });
});

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
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(new URL('v1/experiments', urls['decision']), {
    method: 'POST',
    headers,
    body: JSON.stringify(file),
  });
  expect([answer.status, await answer.text()]).toEqual([201, expect.any(String)]);
}

/** Sends requests one after another until it is told to stop. @returns how many were answered with something else than 200. */
function sendRequests(): { stop(): Promise<{ readonly sent: number; readonly failed: number }> } {
  const over = new AbortController();
  let [sent, failed] = [0, 0];
  const done = (async () => {
    while (!over.signal.aborted) {
      const headers = { 'teststrip-unit': `unit-${sent}` };
      const answer = await fetch(new URL('v1/services/text-to-image/x', urls['router']), { method: 'POST', headers });
      await answer.arrayBuffer();
      sent += 1;
      if (answer.status !== 200) failed += 1;
      await pause(5);
    }
    return { sent, failed };
  })();
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
function backends(): Promise<{ pid: number; query: string }[]> {
  return database.query<{ pid: number; query: string }>(
    `select pid, query from pg_stat_activity where datname = current_database() and application_name <> 'teststrip tests' order by query`,
  );
}

const eventually = (check: () => Promise<unknown>): Promise<unknown> =>
  vi.waitFor(check, { timeout: 30_000, interval: 50 });

it('a process outlives the end of each of its connections while it works, and goes on with its work without a gap', async () => {
  await apply();
  const requests = sendRequests();
  await eventually(async () => expect(await recorded()).toBeGreaterThan(20));
  await (await fetch(new URL('api/experiments', urls['reports']))).arrayBuffer();
  const connections = await backends();
  // The pool, LISTEN, the sessions that hold partitions and the lead, and TypeORM's reads.
  expect(connections.length).toBeGreaterThan(4);
  for (const { pid } of connections) {
    const before = await recorded();
    await database.query('select pg_terminate_backend($1)', [pid]);
    await eventually(async () => expect(await recorded()).toBeGreaterThan(before + 5));
  }
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name <> 'teststrip tests'`,
  );
  const before = await recorded();
  await eventually(async () => expect(await recorded()).toBeGreaterThan(before + 5));
  const { sent, failed } = await requests.stop();
  expect(failed).toBe(0);
  // What was lost on its way was sent again, and counts once.
  await eventually(async () => expect(await recorded()).toBe(sent));
  for (const [name, url] of Object.entries(urls)) {
    if (typeof url !== 'string') continue;
    await eventually(async () => {
      const answer = await fetch(new URL('health/ready', url));
      expect([name, answer.status, await answer.text()]).toEqual([name, 200, expect.any(String)]);
    });
  }
  // The analyzer has folded them all, too.
  await eventually(async () => {
    const [{ analysed, routed }] = (await database.query(
      `select (select sum(value::integer)::integer from jsonb_each_text(newest.analysis->'requests')) as analysed,
              (select count(*)::integer from teststrip.requests where experiment = newest.experiment) as routed
         from teststrip.analyses as newest order by analysed_at desc limit 1`,
    )) as [{ analysed: number; routed: number }];
    expect(routed).toBeGreaterThan(0);
    expect(analysed).toBeGreaterThanOrEqual(routed);
  });
  expect(standalone.process.exitCode).toBeNull();
}, 180_000);
