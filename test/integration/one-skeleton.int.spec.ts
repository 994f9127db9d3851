import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import {
  ASSIGNMENT_HEADER,
  ASSIGNMENT_SIGNATURE_HEADER,
  decodeEvent,
  encodeAssignment,
  examples,
  REQUEST_ID_HEADER,
  type Assignment,
  type TeststripEvent,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { exampleRequest, openApiOf, startApp, type RunningApp } from '#libs/platform';
import { assignmentSignatures } from '#libs/telemetry';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { unusedPort } from '#libs/testing/processes';
import { writeTinyClip } from '#libs/testing/tiny-clip';
import { apps } from '../../tools/docs/pages.js';

const ASSIGNMENT_KEY = 'what-assignments-are-signed-with';

let database: TestDatabase;
let bus: EventBus;
let folder: string;
const running = new Map<string, RunningApp>();
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
  folder = await mkdtemp(join(tmpdir(), 'teststrip-skeleton-'));
  await writeTinyClip(join(folder, 'tiny-clip'));
  await writeFile(join(folder, 'identities.yaml'), identitiesOf(TOKENS));
  environment = {
    DATA_DIR: folder,
    IDENTITIES: join(folder, 'identities.yaml'),
    SCORER_MODEL_DIR: join(folder, 'tiny-clip'),
    ROUTER_PORT: '0',
    INFERENCE_PORT: '0',
    // Nobody is there, whoever else listens at the usual port of this machine.
    REPORTS_DECISION_URL: `http://127.0.0.1:${await unusedPort()}`,
    ROUTER_OVERRIDE_TOKEN: 'what-override-tokens-are-signed-with',
    ASSIGNMENT_KEY,
  };
  const resources = { database, bus };
  await Promise.all(apps.map(async (app) => running.set(app.name, await startApp(app, { resources, environment }))));
}, 60_000);
afterAll(async () => {
  await Promise.all([...running.values()].map((app) => app.close()));
  await bus.close();
  await database.close();
  await rm(folder, { recursive: true });
});

/** Tokens by who has them, with their roles. */
const TOKENS = {
  vera: { '*': 'viewer' },
  otto: { upscale: 'admin' },
  anna: { 'text-to-image': 'admin' },
  root: { '*': 'admin' },
} as const;

function tokenOf(name: keyof typeof TOKENS): string {
  return `the-token-of-${name}`;
}

function identitiesOf(tokens: typeof TOKENS): string {
  const entries = Object.entries(tokens).map(([name, roles]) => {
    const sha256 = createHash('sha256')
      .update(tokenOf(name as keyof typeof TOKENS))
      .digest('hex');
    return { name, sha256, roles };
  });
  return JSON.stringify({ identities: entries });
}

const asRoot = { authorization: `Bearer ${tokenOf('root')}` };

const urlOf = (name: string): string => running.get(name)!.url;

describe.each(apps.map((app) => [app.name, app] as const))('the %s', (name, app) => {
  it('is live and ready, check by check', async () => {
    for (const path of ['/health', '/health/live', '/health/ready']) {
      const answer = await fetch(urlOf(name) + path);
      const body = (await answer.json()) as { status: string; checks: Record<string, { ok: boolean }> };
      expect([path, answer.status, body.status]).toEqual([path, 200, 'ok']);
      expect(Object.values(body.checks).filter(({ ok }) => !ok)).toEqual([]);
    }
  });

  it('has metrics and describes its routes', async () => {
    const metrics = await fetch(`${urlOf(name)}/metrics`);
    expect([metrics.status, metrics.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    const document = (await (await fetch(`${urlOf(name)}/openapi.json`)).json()) as unknown;
    expect(document).toEqual(JSON.parse(JSON.stringify(openApiOf(app.api))));
    const page = await fetch(`${urlOf(name)}/openapi`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain(app.api.title);
  });

  it('answers what it does not know with problem+json', async () => {
    const answer = await fetch(`${urlOf(name)}/nowhere`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      expect.stringContaining('application/problem+json'),
    ]);
  });
});

/** A route that takes a body, of every app that has one. */
const DOORS: readonly (readonly [door: string, url: () => string])[] = [
  ['an experiment file', () => `${urlOf('decision')}/v1/experiments`],
  ['an order', () => `${urlOf('decision')}/v1/experiments/nobody/pause`],
  ['feedback', () => `${urlOf('reports')}/api/feedback`],
  [
    'a generation',
    () => `${(running.get('inference')!.exposed as { url: string }).url}v1/services/text-to-image/generations`,
  ],
];

const FAULTS: readonly (readonly [fault: string, status: number, contentType: string, body: string])[] = [
  ['malformed JSON', 400, 'application/json', '{"prompt": '],
  ['a body that is too long', 413, 'application/json', `"${'x'.repeat(300_000)}"`],
  ['another media type', 415, 'application/x-www-form-urlencoded', 'prompt=red'],
  ['another character set', 415, 'application/json; charset=utf-16', '{}'],
  ['a body that is understood but wrong', 422, 'application/json', '{"colour": "red"}'],
  ['a list where an object belongs', 422, 'application/json', '[]'],
  ['text that no log can keep', 422, 'application/json', '{"reason": "a\\u0000b"}'],
];

describe.each(DOORS)('the door for %s', (_door, url) => {
  it.each(FAULTS)('answers %s with %i and problem+json', async (_fault, status, contentType, body) => {
    const headers = { 'content-type': contentType, ...asRoot };
    const answer = await fetch(url(), { method: 'POST', headers, body });
    const problem = (await answer.json()) as { status: number; detail: string };
    expect([answer.status, answer.headers.get('content-type'), problem.status]).toEqual([
      status,
      expect.stringContaining('application/problem+json'),
      status,
    ]);
    expect(problem.detail).not.toBe('');
  });
});

it('takes YAML for experiment files, with the line of every fault, and nowhere else', async () => {
  const statuses = await Promise.all(
    DOORS.map(async ([door, url]) => {
      const headers = { 'content-type': 'application/yaml', ...asRoot };
      const answer = await fetch(url(), { method: 'POST', headers, body: 'key: a\nservice: [1, 2' });
      const { problems } = (await answer.json()) as { readonly problems?: readonly { readonly line: number }[] };
      return [door, answer.status, problems?.[0]?.line];
    }),
  );
  expect(statuses).toEqual([
    ['an experiment file', 422, 2],
    ['an order', 415, undefined],
    ['feedback', 415, undefined],
    ['a generation', 415, undefined],
  ]);
});

it('says the line and column where a body is malformed', async () => {
  const answer = await fetch(`${urlOf('decision')}/v1/experiments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asRoot },
    body: '{\n  "key": "a",\n  "service" "b"\n}',
  });
  expect(await answer.json()).toMatchObject({ title: 'The body is no JSON', problems: [{ line: 3, column: 13 }] });
});

it('asks who somebody is before it takes anything of what they send', async () => {
  const asked = [
    [`${urlOf('decision')}/v1/experiments`, undefined, 401],
    [`${urlOf('decision')}/v1/experiments/nobody/pause`, 'vera', 403],
    [`${urlOf('decision')}/v1/nothing`, undefined, 404],
    [`${urlOf('reports')}/v1/events`, undefined, 401],
    [`${urlOf('reports')}/api/experiments/nobody/orders/pause`, undefined, 401],
    [`${urlOf('recorder')}/v1/erasures`, 'vera', 403],
    [`${urlOf('router')}/v1/services/upscale/break-glass`, undefined, 401],
    [`${urlOf('reports')}/api/feedback`, undefined, 413],
  ] as const;
  for (const [url, who, status] of asked) expect([url, await answerToHead(url, who)]).toEqual([url, status]);
});

it('reads away the body that it refuses, so that what comes behind it on the connection is answered', async () => {
  const { port, hostname, host } = new URL(urlOf('decision'));
  const socket = connect(Number(port), hostname);
  const head = `POST /v1/experiments HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n`;
  socket.write(`${head}\r\n${'x'.repeat(1_000_000)}`);
  socket.write(`${head}Expect: 100-continue\r\n\r\n${'x'.repeat(1_000_000)}`);
  socket.write(`GET /health/live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const said = (await textOf(socket)).match(/HTTP\/1\.1 \d+/g);
  expect(said).toEqual(['401', '100', '401', '200'].map((status) => `HTTP/1.1 ${status}`));
});

/** The status that is answered to somebody who has announced a body, and sends none. */
async function answerToHead(url: string, who: keyof typeof TOKENS | undefined): Promise<number | undefined> {
  const authorization = who === undefined ? {} : { authorization: `Bearer ${tokenOf(who)}` };
  const headers = { 'content-type': 'application/json', 'content-length': 100_000, ...authorization };
  const asking = request(url, { method: 'POST', headers });
  try {
    return await new Promise((resolve, reject) => {
      asking.on('response', ({ statusCode }) => resolve(statusCode)).on('error', reject);
      asking.setTimeout(2_000, () => resolve(undefined));
      asking.flushHeaders();
    });
  } finally {
    asking.on('error', () => undefined).destroy();
  }
}

/** What an answer says, for comparing it with another. */
async function answered(answer: Response): Promise<readonly unknown[]> {
  return [answer.status, answer.headers.get('etag'), await answer.text()];
}

/** How often the mode of the service was set. */
async function orderCount(): Promise<number> {
  const answer = await fetch(`${urlOf('decision')}/v1/services/text-to-image/events`, { headers: asRoot });
  const { events } = (await answer.json()) as { readonly events: readonly { readonly kind: string }[] };
  // Besides, the service is commanded.
  return events.filter(({ kind }) => kind === 'mode-set').length;
}

/** How many things each list shows to somebody. */
function listFor(who: keyof typeof TOKENS): Promise<readonly number[]> {
  return Promise.all(
    [
      `${urlOf('decision')}/v1/experiments`,
      `${urlOf('decision')}/v1/services`,
      `${urlOf('reports')}/api/experiments`,
    ].map(async (url) => {
      const answer = await fetch(url, { headers: { authorization: `Bearer ${tokenOf(who)}` } });
      return (Object.values((await answer.json()) as object)[0] as readonly unknown[]).length;
    }),
  );
}

async function etag(answer: Promise<Response>): Promise<string> {
  return (await answer).headers.get('etag') ?? '';
}

/** The services that a router shows to somebody. */
async function servedFor(who: keyof typeof TOKENS): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${tokenOf(who)}` };
  const answer = await fetch(`${urlOf('router')}/v1/allocations`, { headers });
  const { services } = (await answer.json()) as { readonly services: readonly { readonly service: string }[] };
  return services.map(({ service }) => service);
}

/** Of an OpenAPI document, what an answer is held against. */
interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>;
}

/** A page that a browser shows, which has it ask for whoever looks at it. */
const FOREIGN = [
  ['a page of another site', { origin: 'https://evil.example' }],
  ['a page without an origin of its own', { origin: 'null' }],
  ['a page on another port', { origin: 'http://127.0.0.1:1' }],
  ['a browser on behalf of another site', { 'sec-fetch-site': 'cross-site' }],
  ['a browser on behalf of a neighbouring site', { 'sec-fetch-site': 'same-site' }],
] as const satisfies readonly (readonly [string, Readonly<Record<string, string>>])[];
/** A name of somebody else that was made to mean this machine. */
const REBOUND = 'rebound.example';

/** Of what there is, where there is any. */
function knownPath(path: string): string {
  return path.replace(/\{(key|experiment)\}/, 'locked').replace('{service}', 'text-to-image');
}

/** What nobody calls anything, as it stands in an address. */
const ODD_NAMES = [
  '%00',
  'a%00b',
  '%ff',
  '__proto__',
  'x'.repeat(3_000),
  '%F0%9F%90%88',
  '-1',
  '9'.repeat(400),
  '..%2f..',
];
const ODD_QUERY = 'limit=many&points=-1&analyses=perhaps&dryRun=perhaps&archived=perhaps&rater=%00';
const ODD_BODIES = [
  '',
  '{"reason": ',
  '[]',
  'null',
  '"\\ud800"',
  '{"reason": "\\u0000"}',
  '{"reason": "because", "stage": 1e308}',
];

function sendBrackets(contentType: string): Promise<Response> {
  return fetch(`${urlOf('decision')}/v1/experiments`, {
    method: 'POST',
    headers: { 'content-type': contentType, ...asRoot },
    body: `{"key":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  });
}

describe('who may do what', () => {
  const EVENT = examples.find(({ type }) => type === 'generation.completed.v1');
  const config = { checkpoint: 'scenes-1.0', sampler: 'ddim', steps: 20, precision: 'fp16' };
  const file = {
    apiVersion: 'teststrip/v1',
    key: 'locked',
    service: 'text-to-image',
    kind: 'canary',
    variants: {
      control: { upstream: 'http://127.0.0.1:9', config },
      candidate: { upstream: 'http://127.0.0.1:9', config: { ...config, precision: 'int8' } },
    },
    guardrails: [{ metric: 'error-rate', margin: '+5pp' }],
  };
  /** Every operation of the apps that look at who asks, with the role that its description asks for. */
  const operations = apps
    .filter(({ name }) => ['decision', 'reports', 'router', 'recorder'].includes(name))
    .flatMap(({ name, api }) =>
      Object.entries(api.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [method, path, operation['x-role'], name] as const),
      ),
    );

  async function ask(
    [method, path, , name]: (typeof operations)[number],
    who: keyof typeof TOKENS | undefined,
    more: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const url = urlOf(name) + knownPath(path);
    const isEvents = path === '/v1/events';
    const body = isEvents ? [EVENT] : path === '/v1/experiments' ? file : {};
    const ended = new AbortController();
    const answer = await fetch(url, {
      method: method.toUpperCase(),
      headers: {
        'content-type': isEvents ? 'application/cloudevents-batch+json' : 'application/json',
        ...(who === undefined ? {} : { authorization: `Bearer ${tokenOf(who)}` }),
        ...more,
      },
      ...(method === 'get' ? {} : { body: JSON.stringify(body) }),
      signal: ended.signal,
    });
    // Some answers never end.
    ended.abort();
    return answer.status;
  }

  /** What is answered to whoever has every role, where the connection is one of ours and the name that is asked for is `host`. */
  function askUnder(host: string, [method, path, , name]: (typeof operations)[number]): Promise<number | undefined> {
    const { hostname, port } = new URL(urlOf(name));
    const headers = { host, 'content-type': 'application/json', ...asRoot };
    return new Promise((resolve, reject) => {
      request({ hostname, port, path: knownPath(path), method: method.toUpperCase(), headers }, (answer) => {
        answer.destroy();
        resolve(answer.statusCode);
      })
        .on('error', reject)
        .end(method === 'get' ? undefined : '{}');
    });
  }

  /** What is answered to odd names, queries and bodies, with what was asked. */
  async function answersToOddities([method, path, role, name]: (typeof operations)[number]): Promise<
    readonly (readonly [what: string, status: number])[]
  > {
    const isOfUsers = name === 'router' && role === 'anybody';
    const base = isOfUsers ? (running.get(name)!.exposed as { url: string }).url.replace(/\/$/, '') : urlOf(name);
    const known = knownPath(path).replace(/\{\w+\}/g, '0');
    const odd = [...new Set(ODD_NAMES.map((one) => path.replace(/\{\w+\}/g, one)))];
    const asked = [...odd, `${known}?${ODD_QUERY}`].map((address) => [address, '{}', 'application/json'] as const);
    const sent = ODD_BODIES.map((body) => [known, body, 'application/json'] as const);
    const questions = method === 'get' ? asked : [...asked, ...sent, [known, 'a=b', 'text/plain'] as const];
    return Promise.all(
      questions.map(async ([address, body, contentType]) => {
        const ended = new AbortController();
        const answer = await fetch(base + address, {
          method: method.toUpperCase(),
          headers: { 'content-type': contentType, ...asRoot },
          ...(method === 'get' ? {} : { body }),
          signal: ended.signal,
        });
        ended.abort();
        return [`${method} ${address.slice(0, 100)} ${body}`, answer.status] as const;
      }),
    );
  }

  beforeAll(async () => {
    const headers = { 'content-type': 'application/json', ...asRoot };
    const url = `${urlOf('decision')}/v1/experiments`;
    const applied = await fetch(url, { method: 'POST', headers, body: JSON.stringify(file) });
    expect(applied.status, await applied.text()).toBe(201);
    const report = `${urlOf('reports')}/api/experiments/locked`;
    await vi.waitFor(async () => expect((await fetch(report, { headers })).status).toBe(200), { timeout: 20_000 });
  }, 30_000);

  it('is told by the description of every route', () => {
    expect(operations.filter(([method, , role]) => method !== 'get' && role === 'anybody')).toEqual([
      ['post', '/v1/services/{service}/{rest}', 'anybody', 'router'],
      ['post', '/ofrep/v1/evaluate/flags/{key}', 'anybody', 'router'],
      ['post', '/ofrep/v1/evaluate/flags', 'anybody', 'router'],
      ['post', '/v1/flags/exposures', 'anybody', 'router'],
      ['post', '/api/sign-in', 'anybody', 'reports'],
      ['post', '/api/feedback', 'anybody', 'reports'],
    ]);
    expect(operations.length).toBeGreaterThan(30);
    // Nobody looks at who asks the other apps: they change nothing. The simulated model is asked for pictures.
    const others = apps.filter(({ name }) => !operations.some(([, , , asked]) => asked === name));
    const changes = others.flatMap(({ api }) =>
      Object.entries(api.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`)),
    );
    expect(changes.filter((change) => !change.startsWith('get '))).toEqual(['post /v1/services/{service}/generations']);
  });

  /** Anybody may, from a page of ours: nobody's feedback or sign-in comes from another site. Those of the router are open to pages by design. */
  const openChanges = operations.filter(
    ([method, , role, name]) => method !== 'get' && role === 'anybody' && name !== 'router',
  );

  it.each(openChanges)('%s %s is refused to a page of another site (%s, %s)', async (...operation) => {
    expect(await ask(operation, undefined, { origin: 'https://evil.example' })).toBe(403);
  });

  const locked = operations.filter(([, , role]) => role !== 'anybody');

  it.each(locked)('%s %s needs the role %s on the service (%s)', async (...operation) => {
    const [method, path, , name] = operation;
    expect(await ask(operation, undefined), 'a stranger').toBe(401);
    expect(await ask(operation, undefined, { authorization: 'Bearer guessed' }), 'somebody who guesses').toBe(401);
    if (method !== 'get') {
      expect(await ask(operation, 'vera'), 'a viewer').toBe(403);
      for (const [what, headers] of FOREIGN) expect(await ask(operation, 'root', headers), what).toBe(403);
    }
    expect(await askUnder(REBOUND, operation), 'a name that was made to mean this machine').toBe(403);
    // A list shows what its reader may see; pictures of nobody are unknown to everybody.
    const isAboutService = /\{(key|service|experiment)\}/.test(path) || method !== 'get';
    if (isAboutService) expect(await ask(operation, 'otto'), 'the admin of another service').toBe(403);
    // What is about users is about every service.
    expect([401, 403]).not.toContain(await ask(operation, name === 'recorder' ? 'root' : 'anna'));
  });

  it('shows in lists only what belongs to services that the reader may see', async () => {
    expect(await listFor('vera')).toEqual([1, 1, 1]);
    expect(await listFor('otto')).toEqual([0, 0, 0]);
  });

  it('shows of what routers serve only the services that the reader may see', async () => {
    expect(await servedFor('vera')).toEqual(['text-to-image']);
    expect(await servedFor('otto')).toEqual([]);
  });

  it('has a variant shown to whoever an operator has given a token for it, and no other one', async () => {
    const issued = await fetch(`${urlOf('router')}/v1/services/text-to-image/override-tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenOf('anna')}` },
      body: JSON.stringify({ variant: 'candidate', reason: 'QA looks at it', validForMinutes: 5 }),
    });
    const { token, expiresAt } = (await issued.json()) as { readonly token: string; readonly expiresAt: string };
    expect([issued.status, Date.parse(expiresAt) > Date.now()]).toEqual([201, true]);
    const { url } = running.get('router')!.exposed as { readonly url: string };
    const shown = async (override: string): Promise<unknown> => {
      const answer = await fetch(`${url}ofrep/v1/evaluate/flags/text-to-image`, {
        method: 'POST',
        headers: { 'teststrip-override': override, 'teststrip-override-token': token },
        body: '{"context":{"targetingKey":"anna"}}',
      });
      return ((await answer.json()) as { readonly metadata: object }).metadata;
    };
    expect(await shown('candidate')).toMatchObject({ assignmentReason: 'OVERRIDE' });
    expect(await shown('control')).not.toMatchObject({ assignmentReason: 'OVERRIDE' });
  });

  it('takes an assignment at a service’s own port only as a router has signed it for this request', async () => {
    const { url } = running.get('inference')!.exposed as { readonly url: string };
    const { assignment } = examples.find(({ type }) => type === 'generation.completed.v1')!.data as {
      readonly assignment: Assignment;
    };
    const encoded = encodeAssignment(assignment);
    const signature = assignmentSignatures(ASSIGNMENT_KEY).of({ requestId: 'of-a-router', encoded });
    const generate = (requestId: string) =>
      fetch(new URL('v1/services/text-to-image/generations', url), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          [REQUEST_ID_HEADER]: requestId,
          [ASSIGNMENT_HEADER]: encoded,
          [ASSIGNMENT_SIGNATURE_HEADER]: signature,
        },
        body: JSON.stringify({ prompt: 'a large red circle at the left on a sand background', seed: 1 }),
      });
    const answers = await Promise.all([generate('of-a-router'), generate('of-somebody')]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const expected = { 'of-a-router': assignment, 'of-somebody': null };
    await vi.waitFor(async () => expect(await assignmentsTold()).toMatchObject(expected), { timeout: 5_000 });
  });

  it('survives a file of brackets alone, which a reader that calls itself for each level does not', async () => {
    expect([(await sendBrackets('application/json')).status, (await sendBrackets('application/yaml')).status]).toEqual([
      400, 422,
    ]);
  });

  it('writes whose token it is into the audit log, and takes no name from the body', async () => {
    const pause = (body: object): Promise<Response> =>
      fetch(`${urlOf('decision')}/v1/services/text-to-image/pause`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenOf('anna')}` },
        body: JSON.stringify(body),
      });
    const forged = await pause({ actor: 'root', reason: 'because' });
    expect([forged.status, await forged.json()]).toMatchObject([
      422,
      { detail: 'actor: your token says who orders this, anna; leave it out' },
    ]);
    expect((await pause({ reason: 'because', force: true })).status).toBe(422);
    expect((await pause({ reason: 'because' })).status).toBe(200);
    const events = await fetch(`${urlOf('decision')}/v1/services/text-to-image/events`, { headers: asRoot });
    const { events: told } = (await events.json()) as { readonly events: readonly { readonly actor: string }[] };
    expect(told.at(-1)).toMatchObject({ actor: 'anna' });
  });

  it('takes no name of who judges pictures from a body or an address', async () => {
    const url = `${urlOf('reports')}/api/experiments/locked`;
    const judged = await fetch(`${url}/judgements`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenOf('anna')}` },
      body: JSON.stringify({ pair: 'any', preferred: 'left', rater: 'root' }),
    });
    expect([judged.status, await judged.json()]).toMatchObject([
      422,
      { detail: 'rater: your token says who orders this, anna; leave it out' },
    ]);
    const asked = await fetch(`${url}/review?rater=root`, {
      headers: { authorization: `Bearer ${tokenOf('anna')}` },
    });
    expect(asked.status).toBe(422);
  });

  it('obeys no order that rests on what is the case no more', async () => {
    const send = (method: string, path: string, more: Readonly<Record<string, string>> = {}): Promise<Response> =>
      fetch(`${urlOf('decision')}/v1/services/text-to-image${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...asRoot, ...more },
        ...(method === 'GET' ? {} : { body: '{"reason": "because"}' }),
      });
    // Whatever was ordered above.
    await send('POST', '/resume');
    const seen = await etag(send('GET', ''));
    expect(seen).toMatch(/^"\d+"$/);
    const paused = await send('POST', '/pause', { 'if-match': seen });
    expect([paused.status, paused.headers.get('etag') === seen]).toEqual([200, false]);
    const late = await send('POST', '/resume', { 'if-match': seen });
    expect([late.status, ((await late.json()) as { detail: string }).detail]).toEqual([
      412,
      expect.stringContaining('look at it again'),
    ]);
    expect((await send('POST', '/resume', { 'if-match': 'seven' })).status).toBe(400);
    expect((await send('POST', '/resume', { 'if-match': paused.headers.get('etag') ?? '' })).status).toBe(200);
    const experiment = `${urlOf('decision')}/v1/experiments/locked`;
    const tag = await etag(fetch(experiment, { headers: asRoot }));
    const again = (ifMatch: string): Promise<Response> =>
      fetch(`${experiment}/new-attempt`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...asRoot, 'if-match': ifMatch },
        body: '{"reason": "because"}',
      });
    expect((await again('"999999"')).status).toBe(412);
    const tried = await fetch(`${urlOf('decision')}/v1/experiments?dryRun=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...asRoot, 'if-match': '"999999"' },
      body: JSON.stringify(file),
    });
    expect(tried.status).toBe(412);
    expect((await again(tag)).status).not.toBe(412);
  });

  describe('an order with a key', () => {
    interface Sent {
      readonly who?: keyof typeof TOKENS;
      readonly path?: string;
      readonly reason?: string;
      readonly at?: string;
      readonly ifMatch?: string;
    }
    const send = (key: string, { who = 'root', path = '/pause', reason = 'because', at, ifMatch }: Sent = {}) =>
      fetch(`${at ?? urlOf('decision')}/v1/services/text-to-image${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${tokenOf(who)}`,
          'idempotency-key': key,
          ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        },
        body: JSON.stringify({ reason }),
      });

    it('is decided once, and answered the same by a process that was started since', async () => {
      await send('before', { path: '/resume' });
      const first = await answered(await send('once'));
      expect(first[0]).toBe(200);
      // Whatever it would be answered now is something else.
      await send('between', { path: '/resume' });
      const after = await orderCount();
      const repeated = await send('once');
      expect([repeated.headers.get('idempotency-replayed'), await answered(repeated)]).toEqual(['true', first]);
      const decision = apps.find(({ name }) => name === 'decision')!;
      const another = await startApp(decision, { resources: { database, bus }, environment });
      try {
        expect(await answered(await send('once', { at: another.url }))).toEqual(first);
      } finally {
        await another.close();
      }
      expect(await orderCount()).toBe(after);
    });

    it('is refused again where it was refused, and is no other order, nor anybody else’s', async () => {
      const refused = await send('refused', { path: '/retry' });
      const again = await send('refused', { path: '/retry' });
      expect([refused.status, await again.text()]).toEqual([422, await refused.text()]);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      for (const more of [{ reason: 'for another reason' }, { ifMatch: '"7"' }]) {
        const other = await send('once', more);
        expect([other.status, await other.text()]).toEqual([422, expect.stringContaining('expected a new one')]);
      }
      const hers = await send('once', { who: 'anna' });
      expect([hers.status, hers.headers.get('idempotency-replayed')]).toEqual([200, null]);
    });

    it('may be sent again where the service could not carry it out', async () => {
      await send('open before', { path: '/resume' });
      await database.transaction(async (tx) => {
        await tx.query(`select 1 from teststrip.services where name = 'text-to-image' for update`);
        expect((await send('locked')).status).toBe(503);
      });
      const again = await send('locked');
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, null]);
    });

    it('is carried out once where several send it at the same time', async () => {
      await send('open', { path: '/resume' });
      const before = await orderCount();
      const answers = await Promise.all(Array.from({ length: 8 }, () => send('at once')));
      for (const answer of answers) {
        const { status, headers } = answer;
        expect(
          [
            [200, null],
            [409, '1'],
          ],
          await answer.text(),
        ).toContainEqual([status, headers.get('retry-after')]);
      }
      const first = answers.filter(({ status, headers }) => status === 200 && !headers.has('idempotency-replayed'));
      expect(first).toHaveLength(1);
      expect(await orderCount()).toBe(before + 1);
    });

    it.each(['', 'ü', 'x'.repeat(256)])('needs a key that can be one: %j', async (key) => {
      expect((await send(key)).status).toBe(400);
    });

    it('is taken by every change of the decision service', () => {
      const changes = operations.filter(([method, , , app]) => app === 'decision' && method !== 'get');
      const { paths } = apps.find(({ name }) => name === 'decision')!.api;
      for (const [method, path] of changes) {
        const named = expect.objectContaining({ name: 'idempotency-key' }) as unknown;
        expect(paths[path]?.[method]?.['parameters'], `${method} ${path}`).toContainEqual(named);
      }
    });
  });

  it('has examples that are understood: of every change, about what nobody knows', async () => {
    const changes = operations.filter(([method, , role]) => method !== 'get' && role !== 'anybody');
    const answers = await Promise.all(
      changes.map(async ([method, path, , name]) => {
        const { api } = apps.find((app) => app.name === name)!;
        const example = exampleRequest(method, path, api.paths[path]![method]!);
        const answer = await fetch(urlOf(name) + example.path.replace(/cheaper-sampler|text-to-image/, 'nobody'), {
          method: example.method,
          headers: { ...asRoot, ...(example.body ? { 'content-type': example.body.contentType } : {}) },
          ...(example.body ? { body: example.body.text } : {}),
        });
        return [example.method, example.path, answer.status] as const;
      }),
    );
    expect(answers.filter(([, , status]) => [400, 415, 422].includes(status))).toEqual([]);
  });

  /** Those that pass on what somebody else answers, who does not run here, are left out. */
  const ofTheirOwn = operations.filter(([, path]) => !/\/orders|\{rest\}/.test(path));

  it.each(ofTheirOwn)('%s %s answers what nobody expects as it is described (%s, %s)', async (...operation) => {
    const [method, path, , name] = operation;
    const { paths } = openApiOf(apps.find((app) => app.name === name)!.api) as unknown as Described;
    const described = Object.keys(paths[path]![method]!.responses);
    for (const [what, status] of await answersToOddities(operation)) {
      expect(status, what).toBeLessThan(500);
      expect(described, `${what}: ${status}`).toContain(String(status));
    }
  });

  it('answers to no name that was made to mean this machine', async () => {
    const list = ['get', '/v1/experiments', 'viewer', 'decision'] as const;
    expect(await askUnder(REBOUND, list)).toBe(403);
    expect(await askUnder(`localhost:${new URL(urlOf('decision')).port}`, list)).toBe(200);
    expect(await askUnder('[::1]', list)).toBe(200);
  });
});

/** Under which assignment requests ran, by what services have reported. */
async function assignmentsTold(): Promise<Readonly<Record<string, Assignment | null>>> {
  const records = await bus.readAll('generation.completed.v1');
  const events = records.map((record) => decodeEvent(record) as TeststripEvent<'generation.completed.v1'>);
  return Object.fromEntries(events.map(({ data }) => [data.requestId, data.assignment]));
}
