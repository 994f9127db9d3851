/**
 * What the router costs: requests a second and CPU per request through it, its events published, beside the same upstream asked directly and
 * through nginx (one process, a 1 % `split_clients`), where that is installed. Router, upstream and clients are three processes; on a machine with few
 * cores they take each other's time, so CPU per request, and requests per second of a core, are the figures to look at.
 *
 *   npx tsx --conditions teststrip-source lab/bench/router.ts [requests=20000] [answerBytes=8192] [concurrency=32] [shadowPercent=10]
 *
 * A second router copies that share of its requests to the candidate; 0 leaves it out.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { routerApp } from '#apps/router';
import { encodeEvent, UNIT_HEADER, type TeststripEvent } from '#libs/contracts';
import { createEventBus, ensureTopics } from '#libs/messaging';
import { startApp } from '#libs/platform';

interface CpuAnswer {
  readonly cpuMs: number;
  readonly events?: number;
}

const [role = 'load', ...parameters] = process.argv.slice(2);

switch (role) {
  case 'upstream':
    await serveUpstream(Number(parameters[0]));
    break;
  case 'router':
    await serveRouter(String(parameters[0]), Number(parameters[1]));
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
  let events = 0;
  const cpuMs = async (): Promise<number> => {
    const answer = await cpuOf(router.process);
    events = answer.events ?? 0;
    return answer.cpuMs;
  };
  const byRouter = await measure('router', router.url, { ...work, cpuMs });
  process.stdout.write(`router: ${events} events on the bus\n`);
  if (byNginx) {
    const ratio = (pick: (figures: Figures) => number): string => (pick(byRouter) / pick(byNginx)).toFixed(2);
    process.stdout.write(
      `router / nginx: ${ratio(({ perSecond }) => perSecond)} requests/s, ` +
        `${ratio(({ perCore }) => perCore)} requests/s of a core, ${ratio(({ p99Ms }) => p99Ms)} p99\n`,
    );
  } else process.stdout.write('nginx is not installed: nothing to compare with\n');
  router.process.kill();
  if (shadowPercent > 0) await measureShadow(upstream.url, shadowPercent, { ...work, without: byRouter });
  upstream.process.kill();
  nginx?.process.kill();
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
  await send(url, Math.min(2_000, requests), concurrency);
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
    `${name}: ${Math.round(perSecond)} requests/s, p50 ${quantile(latenciesMs, 0.5).toFixed(1)} ms, ` +
      `p99 ${quantile(latenciesMs, 0.99).toFixed(1)} ms${cpu}\n`,
  );
  return { perSecond, perCore, p99Ms: quantile(latenciesMs, 0.99) };
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
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
}

async function serveRouter(upstream: string, shadowPercent: number): Promise<void> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 4);
  await bus.publish(experiment(upstream, shadowPercent * 10_000).map(encodeEvent));
  const settings = { port: 0, lastKnownGoodFile: undefined };
  const { exposed } = await startApp(routerApp, { resources: { bus }, settings });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    void bus.readAll('request.routed.v1').then(({ length }) => {
      process.send?.({ cpuMs: (user + system) / 1000, events: length } satisfies CpuAnswer);
    });
  });
  process.send?.({ url: exposed.url });
}

/** A canary at 5 %, or in the shadow; both variants on the same upstream. */
function experiment(upstream: string, ratePpm: number): readonly TeststripEvent[] {
  const at = new Date().toISOString();
  const config = { checkpoint: 'c', sampler: 's', steps: 1, precision: 'fp16' };
  const envelope = { specversion: '1.0', source: 'bench', time: at, subject: 'bench' } as const;
  return [
    {
      ...envelope,
      id: 'defined',
      type: 'experiment.defined.v1',
      data: {
        experiment: 'bench',
        revision: 1,
        spec: {
          key: 'bench',
          service: 'text-to-image',
          kind: 'canary',
          unit: 'user',
          control: 'control',
          variants: { control: { upstream, config }, candidate: { upstream, config } },
          audience: [],
          ramp: { kind: 'auto', stages: [{ weightPpm: 50_000, atLeastMs: 0, atLeastUnits: 0, approval: 'none' }] },
          guardrails: [],
          objectives: [],
          onInconclusive: 'rollback',
          onLostController: 'hold',
          lostControllerAfterMs: 30_000,
          holdAtMostMs: 1_000,
          deadlineMs: 60_000,
          alpha: 0.05,
          baselineUnits: 200,
        },
        fingerprints: {},
        definedAt: at,
        definedBy: 'bench',
      },
    },
    {
      ...envelope,
      id: 'commanded',
      type: 'allocation.commanded.v1',
      data: {
        commandId: 'c-1',
        experiment: 'bench',
        service: 'text-to-image',
        revision: 1,
        epoch: 1,
        command: 'start',
        stage: 0,
        ...(ratePpm > 0
          ? {
              weightsPpm: { control: 1_000_000, candidate: 0 },
              shadow: { candidates: ['candidate'], ratePpm, concurrency: 64 },
            }
          : { weightsPpm: { control: 950_000, candidate: 50_000 } }),
        reason: 'started',
        message: '',
        evidence: null,
        actor: 'bench',
        commandedAt: at,
        terminal: false,
      },
    },
  ];
}

async function start(
  part: string,
  ...of: readonly string[]
): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const child = fork(fileURLToPath(import.meta.url), [part, ...of], { execArgv: process.execArgv });
  const { url } = await message<{ url: string }>(child);
  return { process: child, url };
}

function cpuOf(child: ChildProcess): Promise<CpuAnswer> {
  const answer = message<CpuAnswer>(child);
  child.send('cpu');
  return answer;
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (value) => resolve(value as T));
    child.once('exit', (code) => reject(new Error(`a part of the bench ended with ${code}`)));
  });
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.floor((sorted.length - 1) * q)] ?? NaN;
}
