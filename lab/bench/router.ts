/**
 * What the router costs: requests a second and CPU per request through it, beside the same upstream asked directly. Router, upstream
 * and clients are three processes; on a machine with few cores they take each other's time, so CPU per request is the figure to look at.
 *
 *   npx tsx --conditions teststrip-source lab/bench/router.ts [requests=20000] [answerBytes=8192] [concurrency=32] [shadowPercent=10]
 *
 * A second router copies that share of its requests to the candidate; 0 leaves it out.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
  const shadowed = shadowPercent > 0 ? await start('router', upstream.url, String(shadowPercent)) : null;
  process.stdout.write(`${requests} POST requests, answers of ${answerBytes} bytes, ${concurrency} at once\n`);
  const ways: readonly (readonly [string, string, ChildProcess | null])[] = [
    ['direct', upstream.url, null],
    ['router', router.url, router.process],
    ...(shadowed ? [[`shadow at ${shadowPercent} %`, shadowed.url, shadowed.process] as const] : []),
  ];
  for (const [name, url, child] of ways) {
    await send(url, Math.min(2_000, requests), concurrency);
    const before = child ? await cpuOf(child) : null;
    const startedAt = performance.now();
    const latenciesMs = await send(url, requests, concurrency);
    const elapsedMs = performance.now() - startedAt;
    const after = child ? await cpuOf(child) : null;
    const cpu = before && after ? `, ${((after.cpuMs - before.cpuMs) / requests).toFixed(3)} ms CPU per request` : '';
    const events = after ? `, ${after.events} events on the bus` : '';
    latenciesMs.sort((left, right) => left - right);
    process.stdout.write(
      `${name}: ${Math.round((requests / elapsedMs) * 1000)} requests/s, ` +
        `p50 ${quantile(latenciesMs, 0.5)} ms, p99 ${quantile(latenciesMs, 0.99)} ms${cpu}${events}\n`,
    );
  }
  upstream.process.kill();
  router.process.kill();
  shadowed?.process.kill();
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

function quantile(sorted: readonly number[], q: number): string {
  return (sorted[Math.floor((sorted.length - 1) * q)] ?? NaN).toFixed(1);
}
