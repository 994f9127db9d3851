import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { httpRoute, type HttpRouteOptions } from './http-route.js';
import { KubeApi, type KubeAnswer, type KubeApiOptions } from './kube-api.js';
import type { Split } from './split.js';
import type { TargetPlan, WeightsTarget } from './weights-target.js';

export interface GatewayTargetOptions extends HttpRouteOptions, KubeApiOptions {
  readonly service: string;
  /** Take the rules from whoever owns them. */
  readonly force: boolean;
}

const FIELD_MANAGER = 'teststrip';
const LOOK_EVERY_MS = 100;
/** Conditions that say that a Gateway serves by a route. */
const SERVING = ['Accepted', 'ResolvedRefs'];

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
  observedGeneration: z.number().default(0),
});
const served = z.object({
  metadata: z.object({ generation: z.number().default(0), annotations: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({ parentRefs: z.array(z.unknown()).default([]), rules: z.array(z.unknown()).default([]) }),
  status: z
    .object({ parents: z.array(z.object({ conditions: z.array(condition).default([]) })).default([]) })
    .default({ parents: [] }),
});
type Served = z.infer<typeof served>;
const failure = z.object({ reason: z.string().default(''), message: z.string().default('') });

/** A Gateway of Kubernetes, by the weights of an HTTPRoute (server-side apply). It serves when every parent has accepted the newest generation. */
export class GatewayTarget implements WeightsTarget {
  readonly service: string;
  readonly name: string;
  readonly abilities = { stepPpm: 1, isSticky: false };
  readonly seenWithinMs = 15_000;
  private readonly api: KubeApi;
  private readonly path: string;

  constructor(private readonly options: GatewayTargetOptions) {
    const { service, namespace, name } = options;
    this.service = service;
    this.name = `gateway, HTTPRoute ${namespace}/${name}`;
    this.api = new KubeApi(options);
    this.path = `/apis/gateway.networking.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/httproutes/${encodeURIComponent(name)}`;
  }

  planOf(split: Split): TargetPlan {
    const route = httpRoute(split, this.options) as HttpRoute;
    return {
      key: JSON.stringify(route),
      apply: (signal) => this.apply(route, signal),
      isServed: async (signal) => isOurs(await this.read(signal), route),
    };
  }

  private async apply(route: HttpRoute, signal: AbortSignal): Promise<void> {
    const { force } = this.options;
    const asked = `${this.path}?fieldManager=${FIELD_MANAGER}${force ? '&force=true' : ''}`;
    const answer = await this.api.apply(asked, route, signal);
    if (answer.status === 409) throw new Error(`${messageOf(answer)}: let go of spec.rules there, or set force: true`);
    if (answer.status !== 200 && answer.status !== 201)
      throw new Error(`the API server answers ${answer.status}: ${messageOf(answer)}`);
    let now = served.parse(answer.body);
    const { generation } = now.metadata;
    for (;;) {
      const waitsFor = notServing(now, generation);
      if (waitsFor === null) return;
      await sleep(LOOK_EVERY_MS);
      if (signal.aborted) throw new Error(`generation ${generation} is not served: ${waitsFor}`);
      now = await this.read(signal).catch(() => now);
    }
  }

  private async read(signal: AbortSignal): Promise<Served> {
    const answer = await this.api.get(this.path, signal);
    if (answer.status !== 200) throw new Error(`the API server answers ${answer.status}: ${messageOf(answer)}`);
    return served.parse(answer.body);
  }
}

interface HttpRoute {
  readonly spec: { readonly rules: readonly { readonly backendRefs: readonly BackendRef[] }[] };
}

interface BackendRef {
  readonly name: string;
  readonly weight: number;
}

const rulesSeen = z.array(
  z.object({ backendRefs: z.array(z.object({ name: z.string(), weight: z.number().default(1) })).default([]) }),
);

/** The weights are those that were applied, and the Gateway still takes them. */
function isOurs(now: Served, { spec }: HttpRoute): boolean {
  const weightsOf = (rules: HttpRoute['spec']['rules']): unknown =>
    rules.map(({ backendRefs }) => backendRefs.map(({ name, weight }) => [name, weight]));
  const seen = rulesSeen.safeParse(now.spec.rules);
  const isSame = seen.success && isDeepStrictEqual(weightsOf(seen.data), weightsOf(spec.rules));
  return isSame && notServing(now, now.metadata.generation) === null;
}

/**
 * What is still missing until it is served; null: nothing.
 * @throws Error where a parent has refused this generation
 */
function notServing({ spec, status }: Served, generation: number): string | null {
  const { parents } = status;
  if (parents.length < Math.max(1, spec.parentRefs.length)) return 'no Gateway has said anything of it yet';
  for (const { conditions } of parents) {
    for (const type of SERVING) {
      const found = conditions.find((one) => one.type === type);
      if (!found || found.observedGeneration < generation) return `${type} is not said of it yet`;
      if (found.status !== 'True')
        throw new Error(`${type} is ${found.status}: ${found.reason} ${found.message}`.trim());
    }
  }
  return null;
}

function messageOf({ body }: KubeAnswer): string {
  return failure.safeParse(body).data?.message ?? 'nothing that can be read';
}
