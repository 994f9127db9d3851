import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { openApiOf, startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { writeTinyClip } from '#libs/testing/tiny-clip';
import { apps } from '../../tools/docs/pages.js';

let database: TestDatabase;
let bus: EventBus;
let folder: string;
const running = new Map<string, RunningApp>();

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
  folder = await mkdtemp(join(tmpdir(), 'teststrip-skeleton-'));
  await writeTinyClip(join(folder, 'tiny-clip'));
  const environment = {
    DATA_DIR: folder,
    SCORER_MODEL_DIR: join(folder, 'tiny-clip'),
    ROUTER_PORT: '0',
    INFERENCE_PORT: '0',
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
  });

  it('answers what it does not know with problem+json', async () => {
    const answer = await fetch(`${urlOf(name)}/nowhere`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      expect.stringContaining('application/problem+json'),
    ]);
  });
});

it('counts the process once, however many apps are in it', async () => {
  const texts = await Promise.all(apps.map(async ({ name }) => (await fetch(`${urlOf(name)}/metrics`)).text()));
  expect(texts.filter((text) => text.includes('process_cpu_seconds_total'))).toHaveLength(1);
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
];

describe.each(DOORS)('the door for %s', (_door, url) => {
  it.each(FAULTS)('answers %s with %i and problem+json', async (_fault, status, contentType, body) => {
    const headers = { 'content-type': contentType };
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
      const headers = { 'content-type': 'application/yaml' };
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
    headers: { 'content-type': 'application/json' },
    body: '{\n  "key": "a",\n  "service" "b"\n}',
  });
  expect(await answer.json()).toMatchObject({ title: 'The body is no JSON', problems: [{ line: 3, column: 13 }] });
});
