import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { decodeAssignment, MILLION } from '#libs/contracts';
import { unusedPort } from '#libs/testing/processes';
import { parseUpstream } from '../routing/upstream.js';
import { readLogLine } from './access-log-line.js';
import { EnvoyTarget, type EnvoyTargetOptions } from './envoy-target.js';
import { envoyRoutes } from './envoy-routes.js';
import { baselineSplit, splitOf, type Split } from './split.js';
import { aRoute } from './test/a-route.js';

const folder = mkdtempSync(join(tmpdir(), 'teststrip-envoy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  closing = [];
});

const hasEnvoy = spawnSync('envoy', ['--version']).status === 0;
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);
const CLUSTERS = { 'http://control:8000': 'control-cluster', 'http://candidate:8000': 'candidate-cluster' };

describe('the routes of an Envoy', { timeout: 90_000 }, () => {
  it('name a cluster for every variant with a share, and no client names an assignment', () => {
    const options = { route: 'images', domains: ['*'], prefix: '/', clusters: CLUSTERS };
    const half = JSON.parse(envoyRoutes(aSplit(0.5), options));
    const [route] = half.resources[0].virtual_hosts[0].routes;
    expect(route.route.weighted_clusters.clusters.map(({ name, weight }: any) => [name, weight])).toEqual([
      ['control-cluster', 500_000],
      ['candidate-cluster', 500_000],
    ]);
    const none = envoyRoutes(baselineSplit('text-to-image', 3, parseUpstream('http://control:8000')), options);
    expect(JSON.parse(none).resources[0].virtual_hosts[0].routes[0].request_headers_to_remove).toEqual([
      'teststrip-assignment',
    ]);
    expect(() => envoyRoutes(aSplit(0.5), { ...options, clusters: {} })).toThrow(
      'no cluster is named for http://control:8000',
    );
  });

  it('are served when its admin says so, and not before', async () => {
    let version = 'old';
    const admin = await listening((_request, response) => {
      const configs = [{ version_info: version, route_config: { name: 'images' } }];
      response.end(JSON.stringify({ configs }));
    });
    const target = aTarget({ admin, file: join(folder, 'stub.json') });
    const plan = target.planOf(aSplit(0.5));
    await expect(plan.apply(within(200))).rejects.toThrow();
    expect(await plan.isServed(within(1_000))).toBe(false);
    version = JSON.parse(readFileSync(join(folder, 'stub.json'), 'utf8')).version_info;
    await plan.apply(within(2_000));
    expect(await plan.isServed(within(1_000))).toBe(true);
  });

  it.skipIf(!hasEnvoy)(
    'are followed by a real Envoy, which tells variants the assignment of each request',
    async () => {
      const [control, candidate] = [await answering('control'), await answering('candidate')];
      const envoy = await theEnvoy(control, candidate);
      const target = aTarget(envoy);
      await target.planOf(aSplit(0.5)).apply(within(5_000));
      const answers = await envoy.askAll(100);
      const ofCandidate = answers.filter(({ body }) => body === 'candidate');
      expect(ofCandidate.length).toBeGreaterThan(25);
      expect(ofCandidate.length).toBeLessThan(75);
      for (const { body, assignment } of answers)
        expect(decodeAssignment(assignment)).toMatchObject({ variant: body, propensity: 0.5 });
      expect(new Set(answers.map(({ assignment }) => decodeAssignment(assignment).unit)).size).toBe(100);
      await target.planOf(aSplit(0)).apply(within(5_000));
      await vi.waitFor(async () => {
        expect(new Set((await envoy.askAll(20)).map(({ body }) => body))).toEqual(new Set(['control']));
      }, 15_000);
      await vi.waitFor(() => {
        const lines = readFileSync(envoy.log, 'utf8').trim().split('\n').map(readLogLine);
        expect(lines.length).toBeGreaterThanOrEqual(100);
        expect(lines[0]).toMatchObject({
          service: 'text-to-image',
          outcome: 'delivered',
          status: 200,
          assignment: { experiment: 'exp' },
        });
      }, 15_000);
    },
  );
});

function answering(name: string): Promise<string> {
  return listening((request, response) => {
    request.resume();
    response.setHeader('seen-assignment', request.headers['teststrip-assignment'] ?? '');
    response.end(name);
  });
}

function aTarget(more: Pick<EnvoyTargetOptions, 'admin' | 'file'>): EnvoyTarget {
  const { admin, file } = more;
  return new EnvoyTarget({
    service: 'text-to-image',
    admin,
    file,
    route: 'images',
    domains: ['*'],
    prefix: '/',
    clusters: CLUSTERS,
  });
}

function aSplit(share: number): Split {
  const candidatePpm = share * MILLION;
  const route = aRoute({ control: MILLION - candidatePpm, candidate: candidatePpm }, { unit: 'request' });
  return splitOf(route, { epoch: 7, isFailSafe: false }, { stepPpm: 1, isSticky: false });
}

async function listening(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handler as never);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function socket(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

/** As docs/other-proxies.md says it; long because Envoy's configuration is. */
async function theEnvoy(control: string, candidate: string) {
  const own = mkdtempSync(join(folder, 'one-'));
  const [file, log] = [join(own, 'routes.json'), join(own, 'access.log')];
  writeFileSync(file, JSON.stringify({ resources: [] }));
  const [port, adminPort] = [await unusedPort(), await unusedPort()];
  const cluster = (name: string, url: string) => ({
    name,
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(Number(new URL(url).port)) } }] }],
    },
  });
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'images',
    rds: {
      route_config_name: 'images',
      config_source: { path_config_source: { path: file }, resource_api_version: 'V3' },
    },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
    access_log: [
      {
        name: 'file',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
          path: log,
          log_format: {
            json_format: {
              service: 'text-to-image',
              requestId: '%REQ(x-request-id)%',
              method: '%REQ(:method)%',
              beganAt: '%START_TIME(%s.%3f)%',
              milliseconds: '%DURATION%',
              status: '%RESPONSE_CODE%',
              flags: '%RESPONSE_FLAGS%',
              bytes: '%BYTES_SENT%',
              assignment: '%REQ(teststrip-assignment)%',
              upstream: '%UPSTREAM_CLUSTER%',
              instance: '%RESP(teststrip-instance)%',
              contentType: '%RESP(content-type)%',
              retryAfter: '%RESP(retry-after)%',
              traceparent: '%REQ(traceparent)%',
            },
          },
        },
      },
    ],
  };
  const listener = {
    address: socket(port),
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  const config = {
    node: { id: 'one', cluster: 'one' },
    admin: { address: socket(adminPort) },
    static_resources: {
      listeners: [listener],
      clusters: [cluster('control-cluster', control), cluster('candidate-cluster', candidate)],
    },
  };
  writeFileSync(join(own, 'envoy.json'), JSON.stringify(config));
  const arguments_ = ['-c', join(own, 'envoy.json'), '--concurrency', '1', '--use-dynamic-base-id', '-l', 'error'];
  const child = spawn('envoy', arguments_, { stdio: 'inherit' });
  closing.push(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const admin = `http://127.0.0.1:${adminPort}`;
  await vi.waitFor(async () => expect((await fetch(`${admin}/server_info`)).status).toBe(200), 15_000);
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/generations`, { method: 'POST', body: '{}' });
    return { body: await response.text(), assignment: response.headers.get('seen-assignment') ?? '' };
  };
  return {
    file,
    log,
    admin,
    async askAll(times: number) {
      const answers = [];
      for (let index = 0; index < times; index++) answers.push(await ask());
      return answers;
    },
  };
}
