import { afterEach, describe, expect, it } from 'vitest';
import { decodeAssignment, MILLION } from '#libs/contracts';
import { KubeStub } from '#libs/testing/proxies';
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

async function theKube({ owner }: { owner?: string } = {}): Promise<KubeStub> {
  const kube = await KubeStub.start(owner === undefined ? {} : { owner });
  closing.push(() => kube.close());
  return kube;
}
