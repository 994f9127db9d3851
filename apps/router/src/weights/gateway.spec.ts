import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeAssignment, MILLION } from '#libs/contracts';
import { parseUpstream } from '../routing/upstream.js';
import { GatewayTarget, type GatewayTargetOptions } from './gateway-target.js';
import { splitOf, UnservableError, type Split } from './split.js';
import { aRoute } from './test/a-route.js';

let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  closing = [];
});

const PATH = '/apis/gateway.networking.k8s.io/v1/namespaces/images/httproutes/text-to-image';
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

describe('an HTTPRoute whose weights are kept', () => {
  it('follows a canary up and back, each time seen to be accepted in its newest generation', async () => {
    const kube = await theKube();
    const target = aTarget(kube.url);
    for (const candidatePpm of [10_000, 500_000, 0]) {
      const plan = target.planOf(aSplit(candidatePpm));
      const done = plan.apply(within(5_000));
      expect(await Promise.race([done.then(() => 'served'), kube.written().then(() => 'written')])).toBe('written');
      kube.accept();
      await done;
      const { backendRefs } = kube.route!.spec.rules[0]!;
      expect(backendRefs.map(({ name, weight }) => [name, weight])).toEqual([
        ['sdxl-fp16', 1_000_000 - candidatePpm],
        ['sdxl-int8', candidatePpm],
      ]);
      expect(backendRefs[0]).toMatchObject({ kind: 'Service', port: 8000 });
      expect(backendRefs[1]).toMatchObject({ namespace: 'trials' });
      expect(await plan.isServed(within(1_000))).toBe(true);
    }
    expect(kube.route!.metadata.generation).toBe(3);
    expect(
      kube.asked.every(
        ({ url, type }) => url === `${PATH}?fieldManager=teststrip` && type === 'application/apply-patch+yaml',
      ),
    ).toBe(true);
    // What somebody changes by hand is noticed.
    kube.route!.spec.rules[0]!.backendRefs[1]!.weight = 7;
    expect(await target.planOf(aSplit(0)).isServed(within(1_000))).toBe(false);
  });

  it('tells variants the assignment of a request, whose unit is its id', async () => {
    const kube = await theKube();
    const done = aTarget(kube.url).planOf(aSplit(10_000)).apply(within(5_000));
    await kube.written();
    kube.accept();
    await done;
    const [, candidate] = kube.route!.spec.rules[0]!.backendRefs;
    const [filter] = candidate!.filters as { requestHeaderModifier: { set: { name: string; value: string }[] } }[];
    const [set] = filter!.requestHeaderModifier.set;
    expect(decodeAssignment(set!.value)).toMatchObject({ unit: '*', variant: 'candidate', propensity: 0.01, epoch: 7 });
  });

  it('says who owns the rules where somebody else does, and takes them only when told to', async () => {
    const kube = await theKube({ owner: 'kubectl-client-side-apply' });
    await expect(aTarget(kube.url).planOf(aSplit(10_000)).apply(within(5_000))).rejects.toThrow(
      'conflict with "kubectl-client-side-apply": .spec.rules: let go of spec.rules there, or set force: true',
    );
    const done = aTarget(kube.url, { force: true }).planOf(aSplit(10_000)).apply(within(5_000));
    await kube.written();
    kube.accept();
    await done;
    expect(kube.owner).toBe('teststrip');
  });

  it('fails at once where a Gateway refuses the route, and in time where none says anything', async () => {
    const kube = await theKube();
    const refused = aTarget(kube.url).planOf(aSplit(10_000)).apply(within(5_000));
    await kube.written();
    kube.accept({ ResolvedRefs: 'BackendNotFound' });
    await expect(refused).rejects.toThrow('ResolvedRefs is False: BackendNotFound');
    await expect(aTarget(kube.url).planOf(aSplit(20_000)).apply(within(300))).rejects.toThrow(
      /generation 2 is not served|aborted/,
    );
  });

  it('can not serve what is no Service of the cluster', () => {
    const elsewhere = {
      ...aSplit(1),
      targets: [{ name: 'control', upstream: parseUpstream('https://api.example.com/v2'), sharePpm: 1 }],
    };
    expect(() => aTarget('http://127.0.0.1:1').planOf(elsewhere)).toThrow(UnservableError);
  });
});

function aTarget(server: string, more: Partial<GatewayTargetOptions> = {}): GatewayTarget {
  const parentRefs = [{ name: 'public' }];
  const matches = [{ path: { type: 'PathPrefix', value: '/v1/images' } }];
  const place = { service: 'text-to-image', namespace: 'images', name: 'text-to-image' };
  return new GatewayTarget({ ...place, server, parentRefs, matches, force: false, ...more });
}

const upstreams = new Map([
  ['control', parseUpstream('http://sdxl-fp16:8000')],
  ['candidate', parseUpstream('http://sdxl-int8.trials.svc.cluster.local:8000')],
]);

function aSplit(candidatePpm: number): Split {
  const weightsPpm = { control: MILLION - candidatePpm, candidate: candidatePpm };
  const route = aRoute(weightsPpm, { unit: 'request', upstreams });
  return splitOf(route, { epoch: 7, isFailSafe: false }, { stepPpm: 1, isSticky: false });
}

interface Route {
  metadata: { generation: number };
  spec: { parentRefs: unknown[]; rules: { backendRefs: { name: string; weight: number; filters: unknown[] }[] }[] };
  status: { parents: { conditions: object[] }[] };
}

/** As the API server does it: one owner of an atomic list, 409 for everybody else, a generation that rises when the specification changes. */
async function theKube({ owner }: { owner?: string } = {}) {
  const waiting: (() => void)[] = [];
  const kube = {
    url: '',
    owner,
    route: undefined as Route | undefined,
    asked: [] as { url: string; type: string }[],
    written: () => new Promise<void>((resolve) => waiting.push(resolve)),
    accept(refused: Readonly<Record<string, string>> = {}) {
      const observedGeneration = kube.route!.metadata.generation;
      const conditions = ['Accepted', 'ResolvedRefs'].map((type) => ({
        type,
        status: refused[type] === undefined ? 'True' : 'False',
        reason: refused[type] ?? type,
        message: '',
        observedGeneration,
      }));
      kube.route!.status = { parents: [{ conditions }] };
    },
    patch(url: URL, applied: Pick<Route, 'metadata' | 'spec'>): readonly [number, unknown] {
      const manager = url.searchParams.get('fieldManager');
      if (manager === null) return [422, { kind: 'Status', message: 'fieldManager is required for apply patch' }];
      if (kube.owner !== undefined && kube.owner !== manager && url.searchParams.get('force') !== 'true') {
        const message = `Apply failed with 1 conflict: conflict with "${kube.owner}": .spec.rules`;
        return [409, { kind: 'Status', status: 'Failure', reason: 'Conflict', message, code: 409 }];
      }
      const status = kube.route?.status ?? { parents: [] };
      const isNew = kube.route === undefined;
      const isSame = JSON.stringify(kube.route?.spec) === JSON.stringify(applied.spec);
      const generation = (kube.route?.metadata.generation ?? 0) + (isSame ? 0 : 1);
      kube.owner = manager;
      kube.route = { ...applied, metadata: { ...applied.metadata, generation }, status };
      for (const resolve of waiting.splice(0)) resolve();
      return [isNew ? 201 : 200, kube.route];
    },
  };
  const server = createServer((request, response) => {
    void textOf(request).then((text) => {
      const url = new URL(request.url!, 'http://x');
      if (request.method === 'PATCH')
        kube.asked.push({ url: request.url!, type: String(request.headers['content-type']) });
      const found = request.method === 'PATCH' ? kube.patch(url, JSON.parse(text)) : ([200, kube.route] as const);
      response.writeHead(found[0], { 'content-type': 'application/json' }).end(JSON.stringify(found[1]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  kube.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return kube;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
