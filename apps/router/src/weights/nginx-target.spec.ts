import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { MILLION } from '#libs/contracts';
import { parseUpstream } from '../routing/upstream.js';
import { NginxTarget, type NginxTargetOptions } from './nginx-target.js';
import { baselineSplit, splitOf, UnservableError, type Split } from './split.js';
import { aRoute } from './test/a-route.js';

const LEASE_MS = 60_000;
const aTarget = (more: Partial<NginxTargetOptions> = {}): NginxTarget =>
  new NginxTarget({
    service: 'text-to-image',
    file: '/nowhere/teststrip.conf',
    probe: '127.0.0.1:8189',
    leaseMs: LEASE_MS,
    unitHeaders: { user: 'x-user', session: 'x-session' },
    ...more,
  });
const nginx = aTarget();
const plan = (url: string) => nginx.planOf(baselineSplit('text-to-image', 1, parseUpstream(url)), 0);

it.each(['http://sdxl:8000', 'https://sdxl-fp16.models.svc', 'http://127.0.0.1:8000/', 'http://[::1]:8000'])(
  'serves from %s',
  (url) => expect(plan(url).key).toMatch(/^1 /),
);

it.each([
  'http://sdxl:8000/?$http_cookie',
  'http://sdxl:8000/?$nobody',
  'http://sdxl:8000/?";}server{}',
  'http://$http_authorization@sdxl:8000',
  'http://sdxl:8000/#$request_body',
  'http://sdxl:8000\\?$http_cookie',
])('serves from no address that nginx would read as its own language: %s', (url) => {
  expect(() => plan(url)).toThrow(UnservableError);
});

it('serves from no upstream with a path, and says who does', () => {
  expect(() => plan('http://sdxl:8000/v2')).toThrow('an upstream with a path is served by routers alone');
});

function aSplit(candidatePpm: number, failSafeAfterMs: number | null = 30_000): Split {
  const route = aRoute({ control: MILLION - candidatePpm, candidate: candidatePpm }, { failSafeAfterMs });
  return splitOf(route, { epoch: 7, isFailSafe: false }, nginx.abilities);
}

it("a candidate's share is renewed when half of its lease is over, and only where it is to end by itself", () => {
  expect(keysOf(aSplit(10_000))).toBe(2);
  expect(keysOf(aSplit(0)), 'nobody is at risk').toBe(1);
  expect(keysOf(aSplit(10_000, null)), 'onLostController: hold').toBe(1);
});

/** How many rows nginx is given over a lease. */
function keysOf(split: Split): number {
  return new Set([0, 1, LEASE_MS / 2 - 1, LEASE_MS / 2, LEASE_MS - 1].map((nowMs) => nginx.planOf(split, nowMs).key))
    .size;
}

it('has followed when connections in a row are answered by the new configuration, not when one is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'teststrip-nginx-'));
  const told: string[] = [];
  // A worker of before takes every third connection for a while, as after a reload.
  const probe = createServer((_request, response) => {
    const isOld = told.length < 30 && told.length % 3 === 2;
    told.push(isOld ? 'old' : key);
    response.end(told.at(-1));
  });
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    probe.close();
    rmSync(folder, { recursive: true });
  });
  const { port } = probe.address() as AddressInfo;
  const target = aTarget({ file: join(folder, 'teststrip.conf'), probe: `127.0.0.1:${port}` });
  const planned = target.planOf(aSplit(10_000), 0);
  const { key } = planned;
  await planned.apply(AbortSignal.timeout(20_000));
  expect(told.filter((one) => one === 'old')).toHaveLength(10);
  expect(told.slice(-8)).toEqual(Array.from({ length: 8 }, () => key));
});
