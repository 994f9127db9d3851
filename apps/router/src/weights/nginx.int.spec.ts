import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  decodeAssignment,
  decodeEvent,
  encodeEvent,
  type AllocationCommanded,
  type TeststripEvent,
  type TopicName,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { startApp } from '#libs/platform';
import { NGINX, startNginx, type RunningNginx } from '#libs/testing/proxies';
import { runningCanary } from '#libs/testing/traffic';
import { routerApp } from '../index.js';

if (!NGINX) console.warn('nginx is not installed: the tests with a real nginx are left out');

const folder = mkdtempSync(join(tmpdir(), 'teststrip-nginx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let bus: EventBus;
let closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
  closing.push(() => bus.close());
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  closing = [];
});

describe.skipIf(!NGINX)('an nginx whose weights a router keeps', { timeout: 90_000 }, () => {
  it('follows a canary up and back, is claimed only when it serves, and its access log is the evidence', async () => {
    const nginx = await theNginx();
    await define(await upstreamsOf('control', 'candidate'));
    await order(1, { control: 990_000, candidate: 10_000 });
    await aRouter(nginx);
    await expectApplied(1);
    await order(2, { control: 500_000, candidate: 500_000 });
    await expectApplied(2);
    const half = await nginx.askAll(UNITS);
    const exposed = half.filter(({ body }) => body === 'candidate').map(({ unit }) => unit);
    expect(exposed.length).toBeGreaterThan(UNITS * 0.3);
    expect(exposed.length).toBeLessThan(UNITS * 0.7);
    // Everybody keeps the variant that they have.
    expect(await nginx.askAll(UNITS)).toEqual(half);

    await order(3, { control: 200_000, candidate: 800_000 });
    await expectApplied(3);
    const more = await nginx.askAll(UNITS);
    expect(more.filter(({ body }) => body === 'candidate').map(({ unit }) => unit)).toEqual(
      expect.arrayContaining(exposed),
    );

    await order(4, { control: 1_000_000, candidate: 0 }, { command: 'rollback', terminal: true });
    await expectApplied(4);
    expect(new Set((await nginx.askAll(20)).map(({ body }) => body))).toEqual(new Set(['control']));

    await vi.waitFor(async () => expect(await eventsOf('request.routed.v1')).toHaveLength(3 * UNITS + 20), WAIT);
    const routed = await eventsOf('request.routed.v1');
    const ofHalf = routed.filter(({ data }) => data.assignment?.epoch === 2);
    expect(ofHalf).toHaveLength(2 * UNITS);
    for (const { subject, data } of ofHalf) {
      const answer = half.find(({ unit }) => unit === subject);
      expect(data).toMatchObject({ outcome: 'delivered', status: 200, service: 'text-to-image' });
      expect(data.assignment).toMatchObject({ variant: answer?.body, propensity: 0.5, reason: 'SPLIT' });
    }
    const heartbeats = await eventsOf('router.heartbeat.v1');
    expect(heartbeats.at(-1)?.data.services).toEqual({ 'text-to-image': 4 });
  });

  it('sends everybody to control when its router is gone for longer than the lease', async () => {
    const nginx = await theNginx();
    await define(await upstreamsOf('control', 'candidate'));
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await aRouter(nginx);
    await expectApplied(1);
    expect((await nginx.ask('ana')).body).toBe('candidate');
    await router.close();
    const text = readFileSync(nginx.file, 'utf8');
    expect(text).toMatch(/map \$msec \$teststrip_text_to_image_held/);
    // The time of the lease is over.
    writeFileSync(nginx.file, text.replace(/"~\^\(\?:[^"]*"/, '"~^(?:0\\d{9})\\."'));
    nginx.reload();
    // Workers of before take connections for a moment.
    await vi.waitFor(async () => {
      const served = (await nginx.askAll(8)).map(({ body }) => body);
      expect(new Set(served)).toEqual(new Set(['control']));
    }, WAIT);
    const { assignment } = await nginx.ask('ana');
    expect(decodeAssignment(assignment)).toMatchObject({
      unit: 'ana',
      variant: 'control',
      reason: 'FAIL_SAFE',
      propensity: 1,
    });
  });
});

const UNITS = 100;
const WAIT = { timeout: 30_000, interval: 20 };

async function theNginx(): Promise<RunningNginx> {
  const nginx = await startNginx(folder);
  closing.push(() => nginx.close());
  return nginx;
}

/** Upstreams that answer with their name, and what they were told of the assignment. */
async function upstreamsOf<Name extends string>(...names: Name[]): Promise<Record<Name, string>> {
  const urls = await Promise.all(
    names.map(async (name) => {
      const server = createServer((request, response) => {
        request.resume();
        response.setHeader('seen-assignment', request.headers['teststrip-assignment'] ?? '');
        response.end(name);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closing.push(() => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      });
      return [name, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`] as const;
    }),
  );
  return Object.fromEntries(urls) as Record<Name, string>;
}

async function aRouter(nginx: { readonly weights: object }) {
  const weightsFile = join(mkdtempSync(join(folder, 'router-')), 'weights.yaml');
  writeFileSync(weightsFile, JSON.stringify({ nginx: [nginx.weights] }));
  const router = await startApp(routerApp, {
    resources: { bus },
    environment: { DATA_DIR: folder },
    settings: { port: 0, routerId: 'router-1', lastKnownGoodFile: undefined, weightsFile },
  });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await router.close();
    isOpen = false;
  };
  closing.push(close);
  return { close };
}

async function define(upstreams: Readonly<Record<'control' | 'candidate', string>>): Promise<void> {
  const config = { checkpoint: 'scenes-1.0', sampler: 'unipc', steps: 12, precision: 'fp16' };
  const variants = {
    control: { upstream: upstreams.control, config },
    candidate: { upstream: upstreams.candidate, config },
  };
  const [defined] = runningCanary(0, { spec: { variants } });
  await bus.publish([encodeEvent(defined)]);
}

async function order(
  epoch: number,
  weightsPpm: AllocationCommanded['weightsPpm'],
  changes: Partial<AllocationCommanded> = {},
): Promise<void> {
  const commandId = `command-${epoch}`;
  const baseline = { upstream: 'http://127.0.0.1:9/', fingerprint: 'aa' };
  const own = { commandId, epoch, command: 'advance', weightsPpm, baseline } as const;
  const [, ordered] = runningCanary(0, { order: { ...own, ...changes } });
  await bus.publish([encodeEvent({ ...ordered, id: commandId })]);
}

async function eventsOf<Name extends TopicName>(topic: Name): Promise<readonly TeststripEvent<Name>[]> {
  return (await bus.readAll(topic)).map((record) => decodeEvent(record) as TeststripEvent<Name>);
}

async function expectApplied(epoch: number): Promise<void> {
  await vi.waitFor(async () => {
    const answers = (await eventsOf('allocation.applied.v1')).map(({ data }) => data);
    expect(answers.find((answer) => answer.epoch === epoch)).toMatchObject({ outcome: 'applied', router: 'router-1' });
  }, WAIT);
}
