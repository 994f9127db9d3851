import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decisionApp } from '#apps/decision';
import { routerApp } from '#apps/router';
import { encodeEvent, eventSource, type ExperimentAnalysed, type TeststripEvent } from '#libs/contracts';
import { knownMetrics } from '#libs/evidence';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase } from '#libs/testing/database';
import { analysed, harmful, provenUpTo } from '#libs/testing/delivery';
import { KubeStub, NGINX, startNginx, type RunningNginx } from '#libs/testing/proxies';
import { eventually } from './incident-stack.js';

if (!NGINX) console.warn('nginx is not installed: the whole loop with a real nginx is left out');

/** One proxied by a real nginx, one whose HTTPRoute lies with a stub of the API server. */
const [BEHIND_NGINX, BEHIND_GATEWAY] = ['text-to-image', 'image-to-image'] as const;
/** Turned off: the analyses here say nothing of them. */
const GUARDED_BY_DEFAULT = knownMetrics.flatMap(({ name, guardsCanaries }) => (guardsCanaries ? [name] : []));
const UNITS = 60;
const closing: (() => Promise<unknown> | void)[] = [];
let decision: RunningApp;
let bus: EventBus;
let nginx: RunningNginx;
let kube: KubeStub;

describe.skipIf(!NGINX)('proxies that a router keeps', () => {
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'teststrip-proxies-'));
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    const database = await withDatabase();
    closing.push(() => database.close());
    await migrate(database);
    bus = await createEventBus({ carrier: 'postgres', database });
    closing.push(() => bus.close());
    await ensureTopics(bus, 2);
    kube = await KubeStub.start({ acceptsAtOnce: true });
    closing.push(() => kube.close());
    nginx = await startNginx(folder);
    closing.push(() => nginx.close());
    const resources = { database, bus };
    const environment = { AUTH: 'off', DATA_DIR: folder };
    decision = await startApp(decisionApp, {
      resources,
      environment,
      settings: { tickEveryMs: 20, heartbeatEveryMs: 200 },
    });
    closing.push(() => decision.close());
    const gateway = {
      service: BEHIND_GATEWAY,
      namespace: 'images',
      name: BEHIND_GATEWAY,
      server: kube.url,
      parentRefs: [{ name: 'public' }],
    };
    const weightsFile = join(folder, 'weights.yaml');
    writeFileSync(weightsFile, JSON.stringify({ nginx: [nginx.weights], gateway: [gateway] }));
    const settings = { port: 0, routerId: 'router-1', lastKnownGoodFile: undefined, weightsFile };
    const router = await startApp(routerApp, { resources: { bus }, environment, settings });
    closing.push(() => router.close());
  }, 120_000);
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });

  it('follow a canary of the decision service up to its promotion, and back when harm is proven late', async () => {
    const upstreams = await Promise.all(['control', 'candidate'].map(anUpstream));
    await apply(BEHIND_NGINX, upstreams, 'user');
    await apply(BEHIND_GATEWAY, ['http://sdxl-fp16:8000', 'http://sdxl-int8:8000'], 'request');
    await both({ phase: 'running', effect: 'effective' });
    const first = await exposed();
    expect(first.length).toBeGreaterThan(UNITS * 0.05);
    expect(first.length).toBeLessThan(UNITS * 0.4);
    expect(kube.weights()).toEqual({ 'sdxl-fp16': 800_000, 'sdxl-int8': 200_000 });

    await analyse([provenUpTo('alignment', 500_000), provenUpTo('error-rate', 500_000)]);
    await both({ weightsPpm: { control: 500_000, candidate: 500_000 }, effect: 'effective' });
    const half = await exposed();
    expect(half).toEqual(expect.arrayContaining([...first]));
    expect(half.length).toBeLessThan(UNITS * 0.75);
    expect(kube.weights()).toEqual({ 'sdxl-fp16': 500_000, 'sdxl-int8': 500_000 });

    await analyse([provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)]);
    await both({ phase: 'promoted', effect: 'effective' });
    expect(await exposed()).toHaveLength(UNITS);
    expect(kube.weights()).toMatchObject({ 'sdxl-int8': 1_000_000 });
    expect(kube.weights()['sdxl-fp16'] ?? 0).toBe(0);

    await analyse([harmful('alignment')]);
    await both({ phase: 'rolled-back', effect: 'effective' });
    expect(await exposed()).toEqual([]);
    expect(kube.weights()).toMatchObject({ 'sdxl-fp16': 1_000_000 });
    expect(kube.weights()['sdxl-int8'] ?? 0).toBe(0);
  }, 120_000);
});

/** An upstream that answers with its name. */
async function anUpstream(name: string): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.end(name);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Units of sixty that nginx sends to the candidate. */
async function exposed(): Promise<readonly string[]> {
  const asked = await nginx.askAll(UNITS);
  return asked.filter(({ body }) => body === 'candidate').map(({ unit }) => unit);
}

async function apply(service: string, upstreams: readonly string[], unit: string): Promise<void> {
  const config = { checkpoint: 'scenes-1.0', sampler: 'unipc', precision: 'fp16' };
  const [control, candidate] = upstreams.map((upstream, index) => ({
    upstream,
    config: { ...config, steps: 24 - index },
  }));
  const file = {
    apiVersion: 'teststrip/v1',
    key: service,
    service,
    kind: 'canary',
    unit,
    variants: { control, candidate },
    ramp: [{ weight: '20%' }, { weight: '50%' }, { weight: '100%' }],
    guardrails: [
      { metric: 'alignment', margin: '-1%' },
      { metric: 'error-rate', margin: '+0.5pp' },
      ...GUARDED_BY_DEFAULT.map((metric) => ({ metric, off: true })),
    ],
  };
  const headers = { 'content-type': 'application/json' };
  const options = { method: 'POST', headers, body: JSON.stringify(file) };
  const response = await fetch(new URL('/v1/experiments', decision.url), options);
  expect(response.status, await response.text()).toBe(201);
}

/** An analysis of both experiments, as the analyzer publishes it. */
async function analyse(metrics: ExperimentAnalysed['metrics']): Promise<void> {
  const events = [BEHIND_NGINX, BEHIND_GATEWAY].map((experiment) => ({
    specversion: '1.0',
    id: `analysis-${experiment}-${Date.now()}`,
    source: eventSource('test', 'one'),
    time: new Date().toISOString(),
    type: 'experiment.analysed.v1',
    subject: experiment,
    data: analysed(Date.now(), metrics, { experiment }).analysis,
  }));
  await bus.publish(events.map((event) => encodeEvent(event as TeststripEvent)));
}

/** Waits until both experiments look like this. */
function both(expected: Readonly<Record<string, unknown>>): Promise<unknown> {
  return eventually(async () => {
    for (const key of [BEHIND_NGINX, BEHIND_GATEWAY]) {
      const view = await (await fetch(new URL(`/v1/experiments/${key}`, decision.url))).json();
      expect(view).toMatchObject(expected);
    }
  });
}
