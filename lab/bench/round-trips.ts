/**
 * How often the processes of a standalone ask Postgres for something and wait for the answer, with everything that a request brings: routing, telemetry,
 * scoring, evidence, facts. Counted between them and the server, by the messages of the protocol that are answered, after a start of ten seconds.
 *
 *   npm run bench:round-trips -- [requests/s=100] [seconds=20]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findScenario, playScenario, startStack } from '#apps/cli';
import { startEmbeddedPostgres } from '#libs/persistence';
import { StatementReader } from './statement-counter.js';
import { startTcpProxy } from './tcp-proxy.js';

const perSecond = Number(process.argv[2] ?? 100);
const seconds = Number(process.argv[3] ?? 20);
const SETTLED_AFTER_MS = 10_000;
/** The bench itself watches through a bus of its own. */
const OF_THE_BENCH = 'cli';
const MOST_STATEMENTS = 25;

const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-round-trips-'));
const server = await startEmbeddedPostgres({ dataDir: join(dataDir, 'postgres'), durability: 'process-crash' });
const url = new URL(server.url);
let counted = new Map<string, number>();
const proxy = await startTcpProxy({
  host: url.hostname,
  port: Number(url.port),
  reader: () =>
    new StatementReader((application, statement) => {
      const what = `${application}\t${statement}`;
      counted.set(what, (counted.get(what) ?? 0) + 1);
    }),
});
url.port = String(proxy.port);
const stack = await startStack({
  bus: 'postgres',
  dataDir,
  shape: 'standalone',
  settings: { DATABASE_URL: url.href },
});
try {
  const end = new AbortController();
  let beganAtMs: number | undefined;
  let sentThen = 0;
  await playScenario(stack, findScenario('identical'), {
    seed: 1,
    requestsAfterwards: 0,
    concurrency: 96,
    perSecond,
    differentPictures: 400,
    signal: end.signal,
    onStarted: () => {
      setTimeout(() => (beganAtMs = 0), SETTLED_AFTER_MS).unref();
    },
    onProgress: ({ sent }) => {
      const nowMs = performance.now();
      if (beganAtMs === 0) {
        [beganAtMs, sentThen, counted] = [nowMs, sent, new Map()];
      } else if (beganAtMs !== undefined && nowMs - beganAtMs >= seconds * 1000 && !end.signal.aborted) {
        tell((nowMs - beganAtMs) / 1000, sent - sentThen);
        end.abort();
      }
    },
  });
} finally {
  await stack.close();
  await proxy.close();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
}
process.exit();

function tell(lastedS: number, requests: number): void {
  const rate = (count: number): string => (count / lastedS).toFixed(1).padStart(8);
  const rows = [...counted].map(([what, count]) => ({ who: what.split('\t')[0]!, what: what.split('\t')[1]!, count }));
  const ours = rows.filter(({ who }) => !who.startsWith(OF_THE_BENCH)).sort((a, b) => b.count - a.count);
  const byWho = new Map<string, number>();
  for (const { who, count } of ours) byWho.set(who, (byWho.get(who) ?? 0) + count);
  const all = ours.reduce((sum, { count }) => sum + count, 0);
  say(`${(requests / lastedS).toFixed(0)} requests/s for ${lastedS.toFixed(0)} s`);
  say(`${rate(all)} round trips/s of all processes`);
  for (const [who, count] of byWho) say(`${rate(count)} of them by ${who}`);
  for (const { who, what, count } of ours.slice(0, MOST_STATEMENTS)) say(`${rate(count)}  ${who}: ${what}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
