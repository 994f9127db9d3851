import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { decisionApp } from '#apps/decision';
import { encodeEvent, type ExperimentFile } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, type RunningApp } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { aCanaryFile, analysisEvent, provenUpTo } from '#libs/testing/delivery';

/** Orders that come at the same moment, at two decision services of one database: whatever comes first, one history is told, and none of them fails. */
const ROUNDS = 3;

let database: TestDatabase;
let bus: EventBus;
let pair: readonly [RunningApp, RunningApp];

beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
  const start = (controller: string) =>
    startApp(decisionApp, {
      resources: { database, bus },
      environment: { AUTH: 'off' },
      // Both hear every analysis, which members of one group never do: the worst case.
      settings: { tickEveryMs: 20, controller, group: controller },
    });
  pair = [await start('decision-a'), await start('decision-b')];
}, 120_000);
afterAll(async () => {
  await Promise.all(pair.map((decision) => decision.close()));
  await bus.close();
  await database.close();
});

interface Answer {
  readonly status: number;
  // What a test expects of it is what it checks.
  readonly body: any;
}

async function call(decision: RunningApp, method: string, path: string, body?: object): Promise<Answer> {
  const sent = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(new URL(path, decision.url), { method, ...sent });
  return { status: response.status, body: await response.json() };
}

function order(decision: RunningApp, about: string, what: string): Promise<Answer> {
  return call(decision, 'POST', `/v1/${about}/${what}`, { actor: 'ana', reason: 'at the same moment' });
}

const off = (metric: string) => ({ metric, off: true as const });

function aFile(key: string, more: Partial<ExperimentFile> = {}, steps?: number): ExperimentFile {
  const guardrails: ExperimentFile['guardrails'] = [
    { metric: 'error-rate', margin: '+0.5pp' },
    ...['delivery-rate', 'blank-rate', 'undecodable-rate', 'flagged-rate'].map(off),
  ];
  return aCanaryFile(key, { guardrails, ...more }, steps);
}

function apply(decision: RunningApp, file: ExperimentFile): Promise<Answer> {
  return call(decision, 'POST', '/v1/experiments', file);
}

async function publishProof(key: string, sharePpm: number): Promise<void> {
  await bus.publish([encodeEvent(analysisEvent(key, [provenUpTo('error-rate', sharePpm)]))]);
}

async function kindsOf(key: string): Promise<readonly string[]> {
  const { body } = await call(pair[0], 'GET', `/v1/experiments/${key}/decisions`);
  return body.decisions.map(({ kind }: { readonly kind: string }) => kind);
}

async function seen(key: string): Promise<readonly any[]> {
  return Promise.all(pair.map(async (decision) => (await call(decision, 'GET', `/v1/experiments/${key}`)).body));
}

const statusesOf = (answers: readonly Answer[]): readonly number[] => answers.map(({ status }) => status).sort();

it('of two files for one service one begins, and the other is told which', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const service = `contended-${round}`;
    const keys = [`left-${round}`, `right-${round}`] as const;
    const answers = await Promise.all(keys.map((key, index) => apply(pair[index]!, aFile(key, { service }))));
    expect(statusesOf(answers)).toEqual([201, 409]);
    const begun = keys[answers.findIndex(({ status }) => status === 201)]!;
    expect(answers.find(({ status }) => status === 409)?.body.detail).toContain(begun);
    const { body } = await call(pair[0], 'GET', `/v1/services/${service}`);
    expect(body.slots[0].experiment).toBe(begun);
  }
}, 60_000);

it('of two files of one experiment one is the first revision and the other the second', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const key = `twice-${round}`;
    const answers = await Promise.all([apply(pair[0], aFile(key, {}, 11)), apply(pair[1], aFile(key, {}, 13))]);
    expect(statusesOf(answers)).toEqual([201, 201]);
    const later = answers.find(({ body }) => body.revision === 2)!;
    expect(answers.map(({ body }) => body.revision as number).sort()).toEqual([1, 2]);
    for (const { revision, fingerprints } of await seen(key))
      expect({ revision, fingerprints }).toEqual({ revision: 2, fingerprints: later.body.fingerprints });
  }
}, 60_000);

it.each([
  ['an approval', [{ weight: '1%' }, { weight: '50%', approval: 'required' }, { weight: '100%' }], 'approve'],
  ['a promotion', 'auto', 'promote'],
  ['a pause', 'auto', 'pause'],
] as const)(
  'a rollback ends it whether %s comes before or after',
  async (_what, ramp, other) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const key = `${other}-or-rollback-${round}`;
      expect((await apply(pair[0], aFile(key, { ramp: ramp as ExperimentFile['ramp'] }))).status).toBe(201);
      const about = `experiments/${key}`;
      const [rolledBack, given] = await Promise.all([
        order(pair[round % 2]!, about, 'rollback'),
        order(pair[1 - (round % 2)]!, about, other),
        publishProof(key, 1_000_000),
      ]);
      expect(rolledBack.status).toBe(200);
      expect([200, 409]).toContain(given.status);
      await vi.waitFor(
        async () => {
          for (const { phase, weightsPpm } of await seen(key))
            expect({ phase, weightsPpm }).toEqual({
              phase: 'rolled-back',
              weightsPpm: { control: 1_000_000, candidate: 0 },
            });
        },
        { timeout: 20_000 },
      );
      expect((await kindsOf(key)).at(-1)).toBe('rolled-back');
    }
  },
  120_000,
);

it('a freeze while a step is due stops the ramp there, for both; a rollback passes it', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const key = `frozen-${round}`;
    expect((await apply(pair[0], aFile(key))).status).toBe(201);
    const [frozen] = await Promise.all([
      order(pair[round % 2]!, `services/${key}`, 'pause'),
      publishProof(key, 50_000),
    ]);
    expect(frozen).toMatchObject({ status: 200, body: { mode: 'paused' } });
    await vi.waitFor(async () => expect((await seen(key)).map(({ phase }) => phase)).toEqual(['paused', 'paused']), {
      timeout: 20_000,
    });
    const [{ weightsPpm: before }] = await seen(key);
    await publishProof(key, 1_000_000);
    expect(await Promise.all(['resume', 'promote'].map((what) => order(pair[1]!, `experiments/${key}`, what)))).toEqual(
      ['resume', 'promote'].map(() => expect.objectContaining({ status: 409 })),
    );
    expect((await seen(key)).map(({ weightsPpm }) => weightsPpm)).toEqual([before, before]);
    const kinds = await kindsOf(key);
    expect(kinds.at(-1)).toBe('paused');
    expect(kinds.filter((kind) => kind === 'paused')).toHaveLength(1);
    expect((await order(pair[0], `experiments/${key}`, 'rollback')).body.phase).toBe('rolled-back');
  }
}, 120_000);
