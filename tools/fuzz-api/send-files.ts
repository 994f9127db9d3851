import { setTimeout as pause } from 'node:timers/promises';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import type { Document } from './doors.js';
import { drawFile, picked, readCorpus, type FileCorpus } from './drawn-files.js';
import type { Fuzzed } from './schemathesis.js';
import type { FuzzedStandalone } from './standalone.js';
import type { OperationTally } from './tally.js';

const SLOWEST_ANSWER_MS = 5_000;
/** Sent at once: what belongs to one file comes one after the other. */
const AT_ONCE = 3;
/** So many of the files are of an experiment, or a service, that there is already. */
const REPEATED_SHARE = 0.3;
const SHARED_SHARE = 0.15;
/** So many experiments are ended again: those that run cost the services something all the time. */
const ENDED_SHARE = 0.8;
const ORDERS_PER_FILE = 5;
/** Who has read a definition that ends it says so after this long. */
const SETTLED_WITHIN_MS = 20_000;

export interface FileFuzzing {
  readonly standalone: FuzzedStandalone;
  /** By app, what its routes answer. */
  readonly documents: ReadonlyMap<string, Document>;
  readonly requests: number;
  readonly seed: number;
  /** By `performance.now()`. */
  readonly untilMs: number;
}

interface Asked {
  readonly app: 'decision' | 'reports' | 'router';
  readonly method: 'GET' | 'POST';
  /** As the description writes it. */
  readonly path: string;
  readonly names: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
}

/**
 * What lies behind validation: experiment files that are valid, or nearly, each followed by what people and clients do with an experiment, in any order. Nothing may
 * be answered with 5xx, too slowly or otherwise than described, and all services have to be well at the end.
 */
export async function fuzzFiles(fuzzing: FileFuzzing): Promise<Fuzzed> {
  const session = new FileSession(fuzzing, await readCorpus());
  await Promise.all(Array.from({ length: AT_ONCE }, (_one, lane) => session.send(lane)));
  await session.look();
  return session.result;
}

class FileSession {
  private readonly tally = new Map<string, OperationTally>();
  private readonly faults = new Set<string>();
  private sent = 0;
  private files = 0;
  private accepted = 0;

  constructor(
    private readonly fuzzing: FileFuzzing,
    private readonly corpus: FileCorpus,
  ) {}

  get result(): Fuzzed {
    process.stdout.write(`files: ${this.accepted} of ${this.files} drawn experiment files were accepted\n`);
    const faults = [...this.faults];
    for (const fault of faults) process.stdout.write(`files: ${fault}\n`);
    const none = this.accepted === 0 ? ['no file was accepted'] : [];
    const told = [...none, ...faults].slice(0, 3).join('; ');
    return { name: 'files', tally: this.tally, fault: told === '' ? undefined : told };
  }

  async send(lane: number): Promise<void> {
    const { requests, seed, untilMs } = this.fuzzing;
    const random = simulationRandom(seed * AT_ONCE + lane);
    while (this.sent < requests && performance.now() < untilMs) await this.sendFile(random);
  }

  /** What was accepted has been read by all services: none of them may have ended, or be unwell, by it. */
  async look(): Promise<void> {
    const { addresses } = this.fuzzing.standalone;
    const byMs = performance.now() + SETTLED_WITHIN_MS;
    for (const [name, url] of Object.entries(addresses).filter(([app, at]) => app !== 'router' && URL.canParse(at))) {
      let found = '';
      do {
        const answer = await fetch(new URL('/health', url)).catch(() => undefined);
        found = answer?.status === 200 ? '' : ((await answer?.text()) ?? 'no answer');
      } while (found !== '' && performance.now() < byMs && (await pause(500, true)));
      if (found !== '') this.faults.add(`${name} is unwell afterwards: ${found.slice(0, 500)}`);
    }
  }

  private async sendFile(random: SimulationRandom): Promise<void> {
    const { upstream } = this.fuzzing.standalone;
    this.files += 1;
    const before = (share: number): number =>
      random.uniform() < share ? Math.ceil(random.uniform() * this.files) : this.files;
    const nth = before(REPEATED_SHARE);
    const key = `drawn-${nth}`;
    const service = `drawn-service-${random.uniform() < SHARED_SHARE ? before(1) : nth}`;
    const file = drawFile(this.corpus, random, { key, service, upstream });
    const applying = { app: 'decision', method: 'POST', path: '/v1/experiments', names: {}, body: file } as const;
    await this.ask({ ...applying, query: 'dryRun=true' });
    const status = await this.ask(applying);
    if (status !== 200 && status !== 201) return;
    this.accepted += 1;
    for (const asked of usesOf(key, service)) await this.ask(asked);
    const variants = Object.keys((file['variants'] ?? {}) as object);
    for (let order = 0; order < ORDERS_PER_FILE; order += 1)
      await this.ask(orderAbout({ key, service, variants, upstream }, random));
    for (const asked of reportsOf(key)) await this.ask(asked);
    if (random.uniform() < ENDED_SHARE) await this.ask(aboutExperiment(key, 'rollback'));
  }

  private async ask(asked: Asked): Promise<number> {
    const { app, method, path, names, query, body } = asked;
    const { addresses, token } = this.fuzzing.standalone;
    const address = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(names[name] ?? ''));
    const startedMs = performance.now();
    const answer = await fetch(new URL(`${address}${query === undefined ? '' : `?${query}`}`, addresses[app]), {
      method,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        'teststrip-unit': `u${this.sent}`,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    this.note(asked, { status: answer.status, ms: performance.now() - startedMs, text });
    return answer.status;
  }

  private note(
    { app, method, path, body }: Asked,
    { status, ms, text }: { readonly status: number; readonly ms: number; readonly text: string },
  ): void {
    this.sent += 1;
    const label = `${method} ${path}`;
    const before = this.tally.get(label) ?? { statuses: {}, slowestS: 0 };
    const statuses = { ...before.statuses, [status]: (before.statuses[status] ?? 0) + 1 };
    this.tally.set(label, { statuses, slowestS: Math.max(before.slowestS, ms / 1_000) });
    const described = this.fuzzing.documents.get(app)?.paths[path]?.[method.toLowerCase()]?.responses ?? {};
    const isDescribed = Object.keys(described).some((known) => known === String(status) || known === 'default');
    if (status < 500 && isDescribed && ms <= SLOWEST_ANSWER_MS) return;
    this.faults.add(
      `${label}: ${status} after ${Math.round(ms)} ms: ${text.slice(0, 300)} (${JSON.stringify(body)?.slice(0, 2_000)})`,
    );
  }
}

/** What is looked at and asked for once an experiment is there. */
function usesOf(key: string, service: string): readonly Asked[] {
  const context = { targetingKey: 'anna', plan: 'pro', country: 'de', age: 40 };
  const generations = { app: 'router', method: 'POST', path: '/v1/services/{service}/{rest}' } as const;
  return [
    { app: 'decision', method: 'GET', path: '/v1/experiments/{key}', names: { key } },
    { app: 'decision', method: 'GET', path: '/v1/experiments/{key}/decisions', names: { key }, query: 'analyses=true' },
    { app: 'decision', method: 'GET', path: '/v1/services/{service}', names: { service } },
    {
      app: 'router',
      method: 'POST',
      path: '/ofrep/v1/evaluate/flags/{key}',
      names: { key: service },
      body: { context },
    },
    { app: 'router', method: 'POST', path: '/ofrep/v1/evaluate/flags', names: {}, body: { context } },
    ...['a', 'b', 'c'].map((prompt) => ({ ...generations, names: { service, rest: 'generations' }, body: { prompt } })),
  ];
}

/** What is recorded of it, which takes a moment. */
function reportsOf(key: string): readonly Asked[] {
  const paths = ['/api/experiments/{experiment}', '/api/experiments/{experiment}/history'];
  return paths.map((path) => ({ app: 'reports', method: 'GET', path, names: { experiment: key } }));
}

function aboutExperiment(key: string, name: string, body: object = {}): Asked {
  const path = `/v1/experiments/{key}/${name}`;
  return { app: 'decision', method: 'POST', path, names: { key }, body: { reason: 'drawn', ...body } };
}

interface Ordered {
  readonly key: string;
  readonly service: string;
  readonly variants: readonly string[];
  readonly upstream: string;
}

function orderAbout({ key, service, variants, upstream }: Ordered, random: SimulationRandom): Asked {
  const variant = variants.length === 0 ? 'candidate' : picked(variants, random);
  const about = (name: string, body: object = {}): Asked => aboutExperiment(key, name, body);
  const ofService = (name: string, body: object = {}): Asked => ({
    app: 'decision',
    method: 'POST',
    path: `/v1/services/{service}/${name}`,
    names: { service },
    body: { reason: 'drawn', ...body },
  });
  const config = { checkpoint: `c${Math.floor(random.uniform() * 3)}`, sampler: 'ddim', steps: 20, precision: 'fp16' };
  return picked(
    [
      about('approve', { stage: Math.floor(random.uniform() * 4) }),
      about('pause'),
      about('resume'),
      about('promote', { variant }),
      about('drop-arm', { variant }),
      about('rollback'),
      about('new-attempt'),
      about('archive'),
      ofService('pause'),
      ofService('resume'),
      ofService('drain'),
      ofService('baseline', { upstream, config }),
    ],
    random,
  );
}
