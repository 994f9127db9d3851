/**
 * Flags evaluated by OFREP, one at a time and all at once, beside flagd's own evaluator in a bare Node.js server that reads a body, evaluates and answers, and nothing else. Servers and client are processes of their own;
 * both are asked the same in turns, and the best of several rounds counts, since other processes only ever slow one down. CPU per request, less what a process
 * uses anyway, is what is compared where cores are few.
 *
 *   npm install --no-save @openfeature/flagd-core@4.0.1 @openfeature/core@1.12.0
 *   npm run bench:flags -- [requests=20000] [rounds=5] [concurrency=32]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { routerApp } from '#apps/router';
import { encodeEvent, type ExperimentSpec, type TeststripEvent } from '#libs/contracts';
import { createEventBus, ensureTopics } from '#libs/messaging';
import { startApp } from '#libs/platform';
import { runningCanary } from '#libs/testing/traffic';
import { listening, ownCpuMs, said } from './parts.js';

const FLAG = 'text-to-image';
const IDLE_MS = 2_000;
/** By what is asked for: the path below the protocol's. */
const PATHS = { one: `/ofrep/v1/evaluate/flags/${FLAG}`, all: '/ofrep/v1/evaluate/flags' } as const;
type Asked = keyof typeof PATHS;

const [role = '', ...parameters] = process.argv.slice(2);
if (role === 'router') await serveRouter();
else if (role === 'flagd') await serveFlagd();
else await compare(role === '' ? 20_000 : Number(role));

interface Contender {
  readonly name: string;
  readonly process: ChildProcess;
  readonly url: string;
  readonly rounds: Readonly<Record<Asked, Round[]>>;
  /** CPU milliseconds per millisecond without any request. */
  idle: number;
}

interface Round {
  readonly perSecond: number;
  readonly perCore: number;
}

async function compare(requests: number): Promise<void> {
  const [roundsText = '5', concurrencyText = '32'] = parameters;
  const contenders = [await start('router'), await start('flagd')];
  const concurrency = Number(concurrencyText);
  for (const { url } of contenders)
    for (const asked of ['one', 'all'] as const) await ask({ url, asked }, Math.min(requests, 5_000), concurrency);
  for (const contender of contenders) contender.idle = await idleOf(contender.process);
  for (const asked of ['one', 'all'] as const) {
    for (let round = 0; round < Number(roundsText); round += 1) {
      for (const contender of contenders)
        contender.rounds[asked].push(await measure({ contender, asked }, requests, concurrency));
    }
    report(contenders, asked);
  }
  for (const contender of contenders) contender.process.kill();
}

function report(contenders: readonly Contender[], asked: Asked): void {
  const what = asked === 'one' ? 'one flag' : 'all flags';
  const best = contenders.map(({ name, rounds, idle }) => {
    const perSecond = Math.max(...rounds[asked].map((round) => round.perSecond));
    const perCore = Math.max(...rounds[asked].map((round) => round.perCore));
    process.stdout.write(
      `${what}, ${name}: ${Math.round(perSecond)} requests/s, ${Math.round(perCore)} requests/s of a core, ${(idle * 100).toFixed(1)} % of one without requests\n`,
    );
    return { perSecond, perCore };
  });
  const [own, theirs] = best as [Round, Round];
  const ratios = [own.perSecond / theirs.perSecond, own.perCore / theirs.perCore].map((ratio) => ratio.toFixed(2));
  process.stdout.write(`${what}, router / flagd-core: ${ratios[0]} requests/s, ${ratios[1]} requests/s of a core\n`);
}

/** A router watches its controller and says that it lives; where few requests come that would count for each of them. */
async function idleOf(server: ChildProcess): Promise<number> {
  const before = await cpuMsOf(server);
  await new Promise((resolve) => {
    setTimeout(resolve, IDLE_MS);
  });
  return ((await cpuMsOf(server)) - before) / IDLE_MS;
}

async function measure(
  { contender, asked }: { readonly contender: Contender; readonly asked: Asked },
  requests: number,
  concurrency: number,
): Promise<Round> {
  const { process: server, url, idle } = contender;
  const before = await cpuMsOf(server);
  const startedAt = performance.now();
  await ask({ url, asked }, requests, concurrency);
  const tookMs = performance.now() - startedAt;
  const cpuMs = (await cpuMsOf(server)) - before - idle * tookMs;
  return { perSecond: (requests / tookMs) * 1_000, perCore: (requests / cpuMs) * 1_000 };
}

interface Question {
  readonly url: string;
  readonly asked: Asked;
}

async function ask({ url, asked }: Question, requests: number, concurrency: number): Promise<void> {
  const pool = new Pool(new URL(url).origin, { connections: concurrency, pipelining: 1 });
  let sent = 0;
  const one = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1;
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: PATHS[asked],
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ context: { targetingKey: `user-${sent}`, plan: 'pro', country: 'de' } }),
      });
      const answer = (await body.json()) as { readonly variant?: string; readonly flags?: readonly object[] };
      if (statusCode !== 200 || (answer.variant ?? answer.flags?.[0]) === undefined)
        throw new Error(`${url} answered ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  await pool.close();
}

async function serveRouter(): Promise<void> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 4);
  await bus.publish(experiment().map(encodeEvent));
  const settings = { port: 0, lastKnownGoodFile: undefined };
  const { exposed } = await startApp(routerApp, { resources: { bus }, settings });
  tell(exposed.url);
}

/** The least that a server of flags does. */
async function serveFlagd(): Promise<void> {
  const { FlagdCore } = (await import(/* @vite-ignore */ '@openfeature/flagd-core' as string)) as FlagdModule;
  const core = new FlagdCore();
  const bucketBy = { cat: [{ var: '$flagd.flagKey' }, { var: 'targetingKey' }] };
  const draw = { fractional: [bucketBy, ['control', 95], ['candidate', 5]] };
  const flag = {
    state: 'ENABLED',
    variants: { control: 'control', candidate: 'candidate' },
    defaultVariant: 'control',
    targeting: { if: [{ in: [{ var: 'plan' }, ['free', 'pro']] }, draw, 'control'] },
  };
  core.setConfigurations(JSON.stringify({ flags: { [FLAG]: flag } }));
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { context } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly context: object };
      response.setHeader('content-type', 'application/json');
      if (request.url === PATHS.all) {
        const flags = core.resolveAll(context, SILENT).map(({ flagKey: key, ...found }) => ({ key, ...flagOf(found) }));
        return response.end(JSON.stringify({ flags }));
      }
      const key = (request.url ?? '').slice((request.url ?? '').lastIndexOf('/') + 1);
      const evaluated = core.resolveStringEvaluation(key, 'control', context, SILENT);
      return response.end(JSON.stringify({ key, ...flagOf(evaluated) }));
    });
  };
  const server = createServer(answer);
  tell(await listening(server));
}

function flagOf({ value, variant, reason }: FlagdAnswer): FlagdAnswer {
  return { value, variant, reason };
}

const SILENT = { error: nothing, warn: nothing, info: nothing, debug: nothing };

function nothing(): void {}

/** Only what is used of it; it is no dependency of this project. */
interface FlagdModule {
  readonly FlagdCore: new () => {
    setConfigurations(configuration: string): unknown;
    resolveAll(context: object, logger: unknown): readonly (FlagdAnswer & { readonly flagKey: string })[];
    resolveStringEvaluation(key: string, otherwise: string, context: object, logger: unknown): FlagdAnswer;
  };
}

interface FlagdAnswer {
  readonly value: string;
  readonly variant?: string | undefined;
  readonly reason?: string | undefined;
}

/** A canary at 5 % for two plans. */
function experiment(): readonly TeststripEvent[] {
  const audience = [{ attribute: 'plan', in: ['free', 'pro'] }];
  const spec: Partial<ExperimentSpec> = { service: FLAG, audience, onLostController: 'hold' };
  return runningCanary(50_000, { spec });
}

async function start(name: string): Promise<Contender> {
  const child = fork(fileURLToPath(import.meta.url), [name], { execArgv: process.execArgv });
  return { name, process: child, url: await said<string>(child), rounds: { one: [], all: [] }, idle: 0 };
}

/** Tells where it listens, and its CPU time in milliseconds when it is asked. */
function tell(url: string): void {
  process.on('disconnect', () => process.exit());
  process.on('message', () => process.send?.(ownCpuMs()));
  process.send?.(url);
}

function cpuMsOf(child: ChildProcess): Promise<number> {
  const answer = said<number>(child);
  child.send('cpu');
  return answer;
}
