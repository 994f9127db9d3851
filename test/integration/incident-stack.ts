import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { vi } from 'vitest';
import { decisionApp, type DecisionSettings } from '#apps/decision';
import { routerApp } from '#apps/router';
import {
  decodeEvent,
  encodeEvent,
  eventSource,
  topics,
  type AllocationCommanded,
  type ExperimentAnalysed,
  type TeststripEvent,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { analysed } from '#libs/testing/delivery';

interface Answer {
  readonly status: number;
  // What a test expects of it is what it checks.
  readonly body: any;
}

type Router = Awaited<ReturnType<typeof startRouter>>;
type Decision = Awaited<ReturnType<typeof startDecision>>;

const BECAUSE = { actor: 'ana', reason: 'to see what happens' };
const CONFIG = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', precision: 'fp16' };
/** Units that are asked for, at each router. */
const UNITS = Array.from({ length: 40 }, (_, index) => `user-${index}`);

function startRouter(bus: EventBus, routerId: string) {
  const settings = { port: 0, routerId, lastKnownGoodFile: undefined };
  return startApp(routerApp, { environment: { AUTH: 'off' }, resources: { bus }, settings });
}

function startDecision(resources: { database: TestDatabase; bus: EventBus }, settings: Partial<DecisionSettings> = {}) {
  return startApp(decisionApp, {
    resources,
    environment: { AUTH: 'off' },
    settings: { tickEveryMs: 20, heartbeatEveryMs: 200, ...settings },
  });
}

/** Waits for the condition, also on a machine that does much else. */
export const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 20_000, interval: 20 });

/**
 * A decision service and two routers on a bus that is a real Postgres, and three upstreams that answer with their names. Analyses are
 * published as the analyzer would; everything else is what runs in production.
 */
export class IncidentStack {
  readonly commands: AllocationCommanded[] = [];
  private services = 0;
  private analyses = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly bus: EventBus,
    private readonly upstreams: ReadonlyMap<string, Server>,
    private readonly running: { decision: Decision; readonly routers: Router[] },
  ) {}

  static async start(): Promise<IncidentStack> {
    const database = await withDatabase();
    await migrate(database);
    const bus = await createEventBus({ carrier: 'postgres', database });
    await ensureTopics(bus, 2);
    const upstreams = new Map<string, Server>();
    for (const name of ['old', 'new', 'newer']) upstreams.set(name, await upstream(name));
    const decision = await startDecision({ database, bus });
    const routers = await Promise.all(['router-a', 'router-b'].map((id) => startRouter(bus, id)));
    const stack = new IncidentStack(database, bus, upstreams, { decision, routers });
    await bus.subscribe({
      group: 'who-watches',
      topics: [topics.allocationCommanded.name],
      handler: async ({ records }) =>
        void stack.commands.push(...records.map((record) => decodeEvent(record).data as AllocationCommanded)),
    }).ready;
    return stack;
  }

  async close(): Promise<void> {
    await Promise.all([this.running.decision.close(), ...this.running.routers.map((router) => router.close())]);
    for (const server of this.upstreams.values()) {
      server.close();
      server.closeAllConnections();
    }
    await this.bus.close();
    await this.database.close();
  }

  /** The decision service ends, something is done, and it starts again. */
  async restartDecision(settings: Partial<DecisionSettings> = {}, meanwhile = async (): Promise<void> => undefined) {
    await this.running.decision.close();
    await meanwhile();
    this.running.decision = await startDecision(this, settings);
  }

  /** Another decision service beside the one that is there, until `run` has ended. It is asked where `run` says so. */
  async besideAnother(run: (other: Decision) => Promise<void>, bus = this.bus): Promise<void> {
    const other = await startDecision({ database: this.database, bus }, { group: 'another' });
    try {
      await run(other);
    } finally {
      await other.close();
    }
  }

  /** The second router ends, and one of its name starts with nothing but the log. */
  async restartRouter(): Promise<void> {
    await this.running.routers.pop()?.close();
    this.running.routers.push(await startRouter(this.bus, 'router-b'));
  }

  aService(): ServiceUnderTest {
    return new ServiceUnderTest(this, `service-${(this.services += 1)}`);
  }

  addressOf(name: string): string {
    return `http://127.0.0.1:${(this.upstreams.get(name)!.address() as AddressInfo).port}/`;
  }

  async call(method: string, path: string, body?: unknown, decision = this.running.decision): Promise<Answer> {
    const response = await fetch(new URL(path, decision.url), {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: JSON.parse(await response.text()) };
  }

  /** Which upstream answers whom, router by router. */
  served(service: string): Promise<readonly (readonly string[])[]> {
    const ask = async (router: Router, unit: string): Promise<string> => {
      const url = new URL(`/v1/services/${service}/generations`, router.exposed.url);
      return (await fetch(url, { method: 'POST', body: '{}', headers: { 'teststrip-unit': unit } })).text();
    };
    return Promise.all(this.running.routers.map((router) => Promise.all(UNITS.map((unit) => ask(router, unit)))));
  }

  async publishAnalysis(
    experiment: string,
    metrics: ExperimentAnalysed['metrics'],
    overrides: Partial<ExperimentAnalysed>,
  ): Promise<ExperimentAnalysed> {
    const { analysis } = analysed(Date.now(), metrics, { experiment, ...overrides });
    this.analyses += 1;
    await this.publish({ type: topics.experimentAnalysed.name, subject: experiment, data: analysis });
    return analysis;
  }

  async publish(said: Pick<TeststripEvent, 'type' | 'subject' | 'data'>): Promise<void> {
    const envelope = { specversion: '1.0', id: `incident-${(this.analyses += 1)}`, source: eventSource('test', 'one') };
    await this.bus.publish([encodeEvent({ ...envelope, time: new Date().toISOString(), ...said } as TeststripEvent)]);
  }
}

/** One service, and the experiments on it. Each is named by a letter. */
export class ServiceUnderTest {
  constructor(
    private readonly stack: IncidentStack,
    readonly name: string,
  ) {}

  key(letter: string): string {
    return `${this.name}-${letter}`;
  }

  file(letter: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
    return {
      apiVersion: 'teststrip/v1',
      key: this.key(letter),
      service: this.name,
      kind: 'canary',
      variants: { control: this.variant('old'), candidate: this.variant('new') },
      ramp: [{ weight: '20%' }, { weight: '50%' }, { weight: '100%' }],
      guardrails: [
        { metric: 'alignment', margin: '-1%' },
        { metric: 'error-rate', margin: '+0.5pp' },
        { metric: 'delivery-rate', off: true },
        { metric: 'blank-rate', off: true },
        { metric: 'undecodable-rate', off: true },
        { metric: 'flagged-rate', off: true },
      ],
      ...more,
    };
  }

  /** A configuration of the upstream of that name, by its number of steps. */
  variant(upstreamName: string, steps = { old: 24, new: 12, newer: 6 }[upstreamName]): unknown {
    return { upstream: this.stack.addressOf(upstreamName), config: { ...CONFIG, steps } };
  }

  apply(letter: string, more: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    return this.stack.call('POST', '/v1/experiments', this.file(letter, more));
  }

  /** Applies the file and waits until both routers serve by it. */
  async begin(letter: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { status, body } = await this.apply(letter, more);
    if (status !== 201) throw new Error(`${status}: ${JSON.stringify(body)}`);
    await this.effective(letter);
  }

  async order(letter: string, what: string): Promise<Answer> {
    return this.stack.call('POST', `/v1/experiments/${this.key(letter)}/${what}`, BECAUSE);
  }

  async show(letter: string): Promise<any> {
    return (await this.stack.call('GET', `/v1/experiments/${this.key(letter)}`)).body;
  }

  /** What was decided, in order, without orders given once more: a busy machine takes its time to follow. */
  async decisions(letter: string): Promise<readonly string[]> {
    const { body } = await this.stack.call('GET', `/v1/experiments/${this.key(letter)}/decisions`);
    const kinds: readonly string[] = body.decisions.map(({ kind }: { kind: string }) => kind);
    return kinds.filter((kind) => kind !== 'alert-raised' && kind !== 'reissued');
  }

  /** Waits until the experiment looks like this. */
  async until(letter: string, expected: Readonly<Record<string, unknown>>): Promise<void> {
    await eventually(async () => {
      const view = await this.show(letter);
      for (const [name, value] of Object.entries(expected)) {
        if (JSON.stringify(view[name]) !== JSON.stringify(value))
          throw new Error(
            `${this.key(letter)}: ${name} is ${JSON.stringify(view[name])}, not ${JSON.stringify(value)}`,
          );
      }
    });
  }

  effective(letter: string): Promise<void> {
    return this.until(letter, { effect: 'effective' });
  }

  /** An analysis of the experiment's revision, as the analyzer publishes it. */
  analysis(
    letter: string,
    metrics: ExperimentAnalysed['metrics'],
    overrides: Partial<ExperimentAnalysed> = {},
  ): Promise<ExperimentAnalysed> {
    return this.stack.publishAnalysis(this.key(letter), metrics, overrides);
  }

  /** How many of forty units each upstream answers, at each router. */
  async shares(): Promise<readonly Readonly<Record<string, number>>[]> {
    return (await this.stack.served(this.name)).map((answers) =>
      answers.reduce<Record<string, number>>((counts, name) => ({ ...counts, [name]: (counts[name] ?? 0) + 1 }), {}),
    );
  }

  served(): Promise<readonly (readonly string[])[]> {
    return this.stack.served(this.name);
  }
}

async function upstream(name: string): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    response.end(name);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
