import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Route {
  metadata: { generation: number };
  spec: { parentRefs: unknown[]; rules: { backendRefs: { name: string; weight: number; filters: unknown[] }[] }[] };
  status: { parents: { conditions: object[] }[] };
}

/** An API server with one HTTPRoute. */
export class KubeStub {
  url = '';
  route: Route | undefined;
  readonly asked: { readonly url: string; readonly type: string }[] = [];
  private readonly waiting: (() => void)[] = [];
  private readonly server = createServer((request, response) => {
    void text(request).then((body) => {
      const isPatch = request.method === 'PATCH';
      if (isPatch) this.asked.push({ url: request.url!, type: String(request.headers['content-type']) });
      const patched = isPatch ? this.patch(new URL(request.url!, 'http://x'), JSON.parse(body)) : undefined;
      const [status, answer] = patched ?? [200, this.route];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });

  private constructor(
    public owner: string | undefined,
    private readonly acceptsAtOnce: boolean,
  ) {}

  /** @param owner of the route's rules before; @param acceptsAtOnce a Gateway says of whatever is written that it serves it */
  static async start({ owner, acceptsAtOnce = false }: { owner?: string; acceptsAtOnce?: boolean } = {}) {
    const kube = new KubeStub(owner, acceptsAtOnce);
    await new Promise<void>((resolve) => kube.server.listen(0, '127.0.0.1', resolve));
    kube.url = `http://127.0.0.1:${(kube.server.address() as AddressInfo).port}`;
    return kube;
  }

  /** When the route is written next. */
  written(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** A Gateway says what it makes of the newest generation. @param refused reasons by condition */
  accept(refused: Readonly<Record<string, string>> = {}): void {
    const observedGeneration = this.route!.metadata.generation;
    const conditions = ['Accepted', 'ResolvedRefs'].map((type) => ({
      type,
      status: refused[type] === undefined ? 'True' : 'False',
      reason: refused[type] ?? type,
      message: '',
      observedGeneration,
    }));
    this.route!.status = { parents: [{ conditions }] };
  }

  /** Weights of the backends, by name. */
  weights(): Readonly<Record<string, number>> {
    const refs = this.route?.spec.rules[0]?.backendRefs ?? [];
    return Object.fromEntries(refs.map(({ name, weight }) => [name, weight]));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** As the API server does it: one owner of an atomic list, 409 for everybody else, a generation that rises when the specification changes. */
  private patch(url: URL, applied: Pick<Route, 'metadata' | 'spec'>): readonly [number, unknown] {
    const manager = url.searchParams.get('fieldManager');
    if (manager === null) return [422, { kind: 'Status', message: 'fieldManager is required for apply patch' }];
    if (this.owner !== undefined && this.owner !== manager && url.searchParams.get('force') !== 'true') {
      const message = `Apply failed with 1 conflict: conflict with "${this.owner}": .spec.rules`;
      return [409, { kind: 'Status', status: 'Failure', reason: 'Conflict', message, code: 409 }];
    }
    const status = this.route?.status ?? { parents: [] };
    const isNew = this.route === undefined;
    const isSame = JSON.stringify(this.route?.spec) === JSON.stringify(applied.spec);
    const generation = (this.route?.metadata.generation ?? 0) + (isSame ? 0 : 1);
    this.owner = manager;
    this.route = { ...applied, metadata: { ...applied.metadata, generation }, status };
    if (this.acceptsAtOnce) this.accept();
    for (const resolve of this.waiting.splice(0)) resolve();
    return [isNew ? 201 : 200, this.route];
  }
}
