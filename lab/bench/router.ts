/**
 * What the router costs: requests a second and CPU per request through it, its events published, beside the same upstream asked directly, through
 * nginx (one process, a 1 % `split_clients`), where that is installed, and through a bare proxy of Node.js's server and undici, which does nothing else:
 * what there is to pay before anything is drawn, told or watched. Router, upstream and clients are three processes; on a machine with few
 * cores they take each other's time, so CPU per request, and requests per second of a core, are the figures to look at.
 *
 *   npm run bench:router -- [requests=20000] [answerBytes=8192] [concurrency=32] [shadowPercent=10]
 *
 * A second router copies that share of its requests to the candidate; 0 leaves it out.
 *
 *   npx tsx --conditions teststrip-source lab/bench/router.ts latency [perSecond=500] [seconds=30] [bus=memory] [answerBytes=8192]
 *
 * What the router adds to each answer at a fixed rate: the upstream asked directly, through nginx and through the router in turns, from when a
 * request was due. With `bus=postgres` the events go into an embedded Postgres on the same machine, as in standalone.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { routerApp } from '#apps/router';
import { encodeEvent, topics, UNIT_HEADER, type TeststripEvent } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate, openDatabase, startEmbeddedPostgres } from '#libs/persistence';
import { startApp } from '#libs/platform';
import { runningCanary } from '#libs/testing/traffic';
import { askInTurns, openLoopTarget, type OpenLoopTarget } from './open-loop.js';
import { listening, ownCpuMs, quantileOfSorted, said } from './parts.js';

interface CpuAnswer {
  readonly cpuMs: number;
  readonly events?: number;
  readonly own?: OwnDelays;
}

/** What of a router's delays is its own process's: what else the machine does shows in the first, and not in the others. */
interface OwnDelays {
  /** How late a timer of a millisecond was, beyond what timers are late anyway. */
  readonly lateP99Ms: number;
  readonly collections: number;
  readonly longestCollectionMs: number;
}

/** Short, so that what else the machine does meets all of them. */
const SLICE_MS = 2_000;
const [role = 'load', ...parameters] = process.argv.slice(2);
// Whatever ends the bench, no part of it stays behind.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

switch (role) {
  case 'upstream':
    await serveUpstream(Number(parameters[0]));
    break;
  case 'bare':
    await serveBare(String(parameters[0]));
    break;
  case 'router':
    await serveRouter(
      String(parameters[0]),
      Number(parameters[1]),
      parameters[2] === 'postgres' ? 'postgres' : 'memory',
    );
    break;
  case 'latency':
    await measureLatency();
    break;
  default:
    await load(role);
}

async function load(first: string): Promise<void> {
  const requests = Number(first === 'load' ? 20_000 : first);
  const answerBytes = Number(parameters[0] ?? 8_192);
  const concurrency = Number(parameters[1] ?? 32);
  const upstream = await start('upstream', String(answerBytes));
  const router = await start('router', upstream.url, '0');
  const shadowPercent = Number(parameters[2] ?? 10);
  const nginx = await startNginx(upstream.url);
  process.stdout.write(`${requests} POST requests, answers of ${answerBytes} bytes, ${concurrency} at once\n`);
  const work = { requests, concurrency };
  await measure('direct', upstream.url, work);
  const byNginx = nginx && (await measure('nginx', nginx.url, { ...work, cpuMs: () => cpuOfPid(nginx.process) }));
  const bare = await start('bare', upstream.url);
  const byBare = await measure('bare Node proxy', bare.url, {
    ...work,
    cpuMs: async () => (await cpuOf(bare.process)).cpuMs,
  });
  bare.process.kill();
  let events = 0;
  const cpuMs = async (): Promise<number> => {
    const answer = await cpuOf(router.process);
    events = answer.events ?? 0;
    return answer.cpuMs;
  };
  const byRouter = await measure('router', router.url, { ...work, cpuMs });
  process.stdout.write(`router: ${events} events on the bus\n`);
  compare('router / bare Node proxy', byRouter, byBare);
  if (byNginx) {
    compare('router / nginx', byRouter, byNginx);
    compare('bare Node proxy / nginx', byBare, byNginx);
  } else process.stdout.write('nginx is not installed: nothing to compare with\n');
  router.process.kill();
  if (shadowPercent > 0) await measureShadow(upstream.url, shadowPercent, { ...work, without: byRouter });
  upstream.process.kill();
  nginx?.process.kill();
}

/** What the router adds at a fixed rate, beside what nginx adds. */
async function measureLatency(): Promise<void> {
  const [perSecond, seconds] = [Number(parameters[0] ?? 500), Number(parameters[1] ?? 30)];
  const [bus, answerBytes] = [parameters[2] ?? 'memory', Number(parameters[3] ?? 8_192)];
  const upstream = await start('upstream', String(answerBytes));
  const router = await start('router', upstream.url, '0', bus);
  const nginx = await startNginx(upstream.url);
  const direct = openLoopTarget('direct', upstream.url);
  const byRouter = openLoopTarget('router', router.url);
  const byNginx = nginx && openLoopTarget('nginx', nginx.url);
  process.stdout.write(
    `${perSecond} POST requests/s to each in turn, ${seconds} s in all each, answers of ${answerBytes} bytes, events on the bus: ${bus}\n`,
  );
  const targets = [direct, ...(byNginx ? [byNginx] : []), byRouter];
  await askInTurns(targets, { perSecond, sliceMs: SLICE_MS, rounds: Math.ceil((seconds * 1000) / SLICE_MS) });
  const [asked, ...between] = targets.map(latencies);
  printLatencies('direct', asked!, undefined);
  for (const [index, figures] of between.entries()) printLatencies(targets[index + 1]!.name, figures, asked);
  const [ours, theirs] = [between.at(-1)!, byNginx && between[0]!];
  const added = (figures: Latencies): number => figures.p99Ms - asked!.p99Ms;
  if (theirs) process.stdout.write(`added at p99, router / nginx: ${(added(ours) / added(theirs)).toFixed(2)}\n`);
  const { events = 0, own } = await cpuOf(router.process);
  process.stdout.write(`router: ${events} events on the bus\n`);
  if (own) {
    const { lateP99Ms, collections, longestCollectionMs } = own;
    process.stdout.write(
      `router's process: timers late by ${lateP99Ms.toFixed(1)} ms at p99; ${collections} garbage collections, the longest ${longestCollectionMs.toFixed(1)} ms\n`,
    );
  }
  for (const { pool } of targets) await pool.close();
  for (const part of [router, upstream, ...(nginx ? [nginx] : [])]) part.process.kill();
}

interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly failed: number;
}

function latencies({ latenciesMs, failed }: OpenLoopTarget): Latencies {
  const sorted = latenciesMs.toSorted((left, right) => left - right);
  const [p50Ms, p99Ms, p999Ms] = [0.5, 0.99, 0.999].map((q) => quantileOfSorted(sorted, q)) as [number, number, number];
  return { p50Ms, p99Ms, p999Ms, failed };
}

function printLatencies(name: string, { failed, ...figures }: Latencies, direct: Latencies | undefined): void {
  const cells = (['p50Ms', 'p99Ms', 'p999Ms'] as const).map((which) => {
    const added = direct === undefined ? '' : ` (+${(figures[which] - direct[which]).toFixed(2)})`;
    return `${which.slice(0, -2)} ${figures[which].toFixed(2)} ms${added}`;
  });
  process.stdout.write(`${name}: ${cells.join(', ')}${failed > 0 ? `, ${failed} FAILED` : ''}\n`);
}

function compare(name: string, left: Figures, right: Figures): void {
  const ratio = (pick: (figures: Figures) => number): string => (pick(left) / pick(right)).toFixed(2);
  process.stdout.write(
    `${name}: ${ratio(({ perSecond }) => perSecond)} requests/s, ` +
      `${ratio(({ perCore }) => perCore)} requests/s of a core, ${ratio(({ p99Ms }) => p99Ms)} p99\n`,
  );
}

/** What it costs to copy a share of the requests. */
async function measureShadow(
  upstreamUrl: string,
  percent: number,
  { without, ...work }: { readonly requests: number; readonly concurrency: number; readonly without: Figures },
): Promise<void> {
  const router = await start('router', upstreamUrl, String(percent));
  const cpuMs = async (): Promise<number> => (await cpuOf(router.process)).cpuMs;
  const copying = await measure(`shadow of ${percent} %`, router.url, { ...work, cpuMs });
  const ratio = (without.perCore / copying.perCore).toFixed(2);
  process.stdout.write(`shadow: ${ratio} × the CPU per request of the router without\n`);
  router.process.kill();
}

interface Figures {
  readonly perSecond: number;
  /** Of the process in between: what one core would do. */
  readonly perCore: number;
  readonly p99Ms: number;
}

interface Work {
  readonly requests: number;
  readonly concurrency: number;
  /** CPU time of the process in between so far. */
  readonly cpuMs?: () => number | Promise<number>;
}

async function measure(name: string, url: string, { requests, concurrency, cpuMs }: Work): Promise<Figures> {
  // Until Node.js has compiled what is used often.
  await send(url, Math.min(5_000, requests), concurrency);
  const before = (await cpuMs?.()) ?? 0;
  const startedAt = performance.now();
  const latenciesMs = await send(url, requests, concurrency);
  const perSecond = (requests / (performance.now() - startedAt)) * 1000;
  const perRequestMs = (((await cpuMs?.()) ?? 0) - before) / requests;
  latenciesMs.sort((left, right) => left - right);
  const perCore = 1000 / perRequestMs;
  const cpu = cpuMs
    ? `, ${perRequestMs.toFixed(3)} ms CPU per request: ${Math.round(perCore)} requests/s of a core`
    : '';
  process.stdout.write(
    `${name}: ${Math.round(perSecond)} requests/s, p50 ${quantileOfSorted(latenciesMs, 0.5).toFixed(1)} ms, ` +
      `p99 ${quantileOfSorted(latenciesMs, 0.99).toFixed(1)} ms${cpu}\n`,
  );
  return { perSecond, perCore, p99Ms: quantileOfSorted(latenciesMs, 0.99) };
}

/** One process, which proxies as the router does; undefined where there is none on this machine. */
async function startNginx(
  upstream: string,
): Promise<{ readonly process: ChildProcess; readonly url: string } | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'teststrip-nginx-'));
  const port = await freePort();
  const { host } = new URL(upstream);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
     events { worker_connections 4096; }
     http {
       access_log off; ${paths.join(' ')}
       keepalive_requests 1000000;
       split_clients "$http_teststrip_unit" $variant { 1% candidate; * control; }
       upstream control { server ${host}; keepalive 64; keepalive_requests 1000000; }
       upstream candidate { server ${host}; keepalive 64; keepalive_requests 1000000; }
       server {
         listen 127.0.0.1:${port};
         location / { proxy_pass http://$variant; proxy_http_version 1.1; proxy_set_header Connection ""; }
       }
     }`,
  );
  const child = spawn('nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], {
    stdio: 'ignore',
  });
  const isThere = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', () => resolve(false));
    setTimeout(() => resolve(true), 500);
  });
  return isThere ? { process: child, url: `http://127.0.0.1:${port}/` } : undefined;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/** From Linux, which counts in hundredths of a second. */
function cpuOfPid({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function send(url: string, requests: number, concurrency: number): Promise<number[]> {
  const pool = new Pool(new URL(url).origin, { connections: concurrency, pipelining: 1 });
  const latenciesMs: number[] = [];
  let sent = 0;
  const one = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1;
      const startedAt = performance.now();
      const response = await pool.request({
        method: 'POST',
        path: '/v1/services/text-to-image/generations',
        headers: { 'content-type': 'application/json', [UNIT_HEADER]: `user-${sent}` },
        body: '{"prompt":"a small red circle at the left","seed":4242}',
      });
      await response.body.dump({ limit: 2 ** 30 });
      if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`);
      latenciesMs.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  await pool.close();
  return latenciesMs;
}

async function serveUpstream(answerBytes: number): Promise<void> {
  const answer = Buffer.alloc(answerBytes, 7);
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(200, { 'content-type': 'image/png' }).end(answer));
  });
  server.keepAliveTimeout = 60_000;
  process.send?.({ url: await listening(server) });
}

async function openBenchBus(carrier: 'memory' | 'postgres'): Promise<EventBus> {
  if (carrier === 'memory') return createEventBus({ carrier });
  const dataDir = mkdtempSync(join(tmpdir(), 'teststrip-bench-router-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir, durability: 'process-crash' });
  const database = await openDatabase({ url: server.url, applicationName: 'teststrip bench' });
  await migrate(database);
  const leaveNothing = async (): Promise<never> => {
    await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
    process.exit(0);
  };
  process.once('SIGTERM', () => void leaveNothing());
  return createEventBus({ carrier, database });
}

async function serveBare(upstream: string): Promise<void> {
  const pool = new Pool(new URL(upstream).origin, { connections: 256, pipelining: 1 });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => passOn(pool, request, response, Buffer.concat(chunks)));
  });
  server.keepAliveTimeout = 60_000;
  process.on('message', () => process.send?.({ cpuMs: ownCpuMs() } satisfies CpuAnswer));
  process.send?.({ url: await listening(server) });
}

function passOn(pool: Pool, request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const { method = 'GET', url: path = '/', rawHeaders } = request;
  const headers = withoutSome(rawHeaders, ['host', 'connection']);
  pool.dispatch(
    { method: method as 'POST', path, headers, body },
    {
      onRequestStart: () => undefined,
      onResponseStart: ({ rawHeaders: raw = [] }, status) => {
        const texts = (raw as readonly (Buffer | string)[]).map((text) => text.toString('latin1'));
        response.writeHead(status, withoutSome(texts, ['connection', 'keep-alive', 'transfer-encoding']));
      },
      onResponseData: (controller, chunk) => {
        if (response.write(chunk)) return;
        controller.pause();
        response.once('drain', () => controller.resume());
      },
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  );
}

function withoutSome(headers: readonly string[], names: readonly string[]): string[] {
  return headers.filter((_text, index) => !names.includes((headers[index - (index % 2)] as string).toLowerCase()));
}

async function serveRouter(upstream: string, shadowPercent: number, carrier: 'memory' | 'postgres'): Promise<void> {
  const { bus, published } = counted(await openBenchBus(carrier));
  await ensureTopics(bus, 4);
  await bus.publish(experiment(upstream, shadowPercent * 10_000).map(encodeEvent));
  const settings = { port: 0, lastKnownGoodFile: undefined };
  const { exposed } = await startApp(routerApp, { environment: { AUTH: 'off' }, resources: { bus }, settings });
  const own = watchOwnDelays();
  process.on('message', () => {
    const cpuMs = ownCpuMs();
    void published().then((events) => process.send?.({ cpuMs, events, own: own() } satisfies CpuAnswer));
  });
  process.send?.({ url: exposed.url });
}

/** In memory events would stay for ever in the process that is measured, which no bus does to a router: they are counted and forgotten. */
function counted(bus: EventBus): { readonly bus: EventBus; readonly published: () => Promise<number> } {
  if (bus.carrier !== 'memory')
    return { bus, published: async () => (await bus.readAll(topics.requestRouted.name)).length };
  let events = 0;
  const forgetful: EventBus = {
    ...bus,
    publish(records) {
      const kept = records.filter(({ topic }) => topic !== topics.requestRouted.name);
      events += records.length - kept.length;
      return bus.publish(kept);
    },
  };
  return { bus: forgetful, published: async () => events };
}

function watchOwnDelays(): () => OwnDelays {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  let collections = 0;
  let longestCollectionMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      collections += 1;
      longestCollectionMs = Math.max(longestCollectionMs, duration);
    }
  }).observe({ entryTypes: ['gc'] });
  return () => ({ lateP99Ms: delays.percentile(99) / 1e6 - 1, collections, longestCollectionMs });
}

/** A canary at 5 %, or in the shadow; both variants on the same upstream. */
function experiment(upstream: string, ratePpm: number): readonly TeststripEvent[] {
  const config = { checkpoint: 'c', sampler: 's', steps: 1, precision: 'fp16' };
  const variants = { control: { upstream, config }, candidate: { upstream, config } };
  const isShadow = ratePpm > 0;
  return runningCanary(isShadow ? 0 : 50_000, {
    spec: { variants, onLostController: 'hold' },
    order: isShadow ? { shadow: { candidates: ['candidate'], ratePpm, concurrency: 64 } } : {},
  });
}

async function start(
  part: string,
  ...of: readonly string[]
): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const child = fork(fileURLToPath(import.meta.url), [part, ...of], { execArgv: process.execArgv });
  const { url } = await said<{ url: string }>(child);
  return { process: child, url };
}

function cpuOf(child: ChildProcess): Promise<CpuAnswer> {
  const answer = said<CpuAnswer>(child);
  child.send('cpu');
  return answer;
}
