import { describe, expect, it } from 'vitest';
import { assign } from '#libs/assignment';
import {
  examples,
  MILLION,
  type AllocationCommanded,
  type ExperimentDefined,
  type Layer,
  type ServiceDefined,
  type SlotOrder,
} from '#libs/contracts';
import { takeRoute, type TakenRoute } from '../proxy/taken-route.js';
import { Allocations } from './allocations.js';
import { ControllerWatch } from './controller-watch.js';
import type { CommandOutcome } from './experiment-state.js';

const SERVICE = 'text-to-image';
const BASELINE = { upstream: 'http://127.0.0.1:8000/', fingerprint: 'f-control' };

function definition(experiment: string, revision = 1): ExperimentDefined {
  const example = examples.find(({ type }) => type === 'experiment.defined.v1')?.data as ExperimentDefined;
  return { ...example, experiment, revision, spec: { ...example.spec, key: experiment, slot: `${experiment}-slot` } };
}

function order(experiment: string, epoch: number, candidatePpm: number, more: Partial<SlotOrder> = {}): SlotOrder {
  return {
    commandId: `${experiment}-${epoch}`,
    experiment,
    revision: 1,
    epoch,
    command: 'advance',
    stage: 0,
    weightsPpm: { control: MILLION - candidatePpm, candidate: candidatePpm },
    commandedAt: '2026-11-20T10:15:31.031Z',
    terminal: false,
    ...more,
  };
}

const layerOf = (a: SlotOrder | null, b: SlotOrder | null): Layer => ({
  unit: 'user',
  holdoutPpm: 100_000,
  slots: [
    { id: 'a-slot', fromPpm: 0, toPpm: 400_000, order: a },
    { id: 'b-slot', fromPpm: 400_000, toPpm: 800_000, order: b },
  ],
});

const commandOf = (given: SlotOrder, epoch: number, layer: Layer): AllocationCommanded => ({
  ...given,
  epoch,
  service: SERVICE,
  reason: 'started',
  message: '',
  evidence: null,
  actor: 'decision',
  baseline: BASELINE,
  layer,
});

function aRouter() {
  let nowMs = 0;
  const answers: (readonly [string, CommandOutcome['outcome']])[] = [];
  const allocations = new Allocations({
    upstreams: new Map(),
    routes: [],
    watch: new ControllerWatch(() => nowMs),
    onCommand: ({ commandId }, { outcome }) => void answers.push([commandId, outcome]),
    onChange: () => undefined,
  });
  const place = (user: string, override?: string): TakenRoute => {
    const route = allocations.routeOf(SERVICE);
    if (!route) throw new Error('no route');
    return takeRoute(route, { unitOf: () => ({ unit: user, name: 'named' }), override });
  };
  let beats = 0;
  const beat = (running: string[], services: Record<string, number>): void => {
    beats += 1;
    allocations.heartbeat({ controller: 'decision-1', at: '2026-11-20T10:15:31.000Z', running, services }, `${beats}`);
  };
  return { allocations, answers, place, beat, pass: (ms: number) => (nowMs += ms) };
}

/** Both slots in force: a under epoch 1, b under 2. */
function both() {
  const router = aRouter();
  const [a, b] = [order('a', 1, 500_000), order('b', 2, 500_000)];
  router.allocations.define(definition('a'));
  router.allocations.define(definition('b'));
  router.allocations.command(commandOf(a, 1, layerOf(a, null)));
  router.allocations.command(commandOf(b, 2, layerOf(a, b)));
  return { ...router, a, b };
}

const USERS = Array.from({ length: 4_000 }, (_, index) => `user-${index}`);
const experimentAt = ({ route }: TakenRoute): string | null =>
  route.kind === 'experiment' ? route.rules.experiment : null;
const variantAt = ({ route, drawn, override }: TakenRoute): string | null =>
  route.kind === 'experiment' && drawn
    ? assign(route.rules, { unit: drawn.unit, attributes: {}, override }).variant
    : null;

describe('a router of a divided service', () => {
  it('serves each unit by the experiment of its slot, drawn apart from the slot; all others get the baseline and say where they are', () => {
    const { place } = both();
    const counts = new Map<string, number>();
    for (const user of USERS) {
      const at = place(user);
      const key = `${at.drawn?.slot} ${experimentAt(at)} ${variantAt(at)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const share = (key: string): number => (counts.get(key) ?? 0) / USERS.length;
    expect([...counts.keys()].sort()).toEqual([
      'a-slot a candidate',
      'a-slot a control',
      'b-slot b candidate',
      'b-slot b control',
      'free null null',
      'holdout null null',
    ]);
    for (const key of ['a-slot a candidate', 'a-slot a control', 'b-slot b candidate'])
      expect(share(key)).toBeCloseTo(0.2, 1);
    expect(share('holdout null null')).toBeCloseTo(0.1, 1);
    expect(place('user-1', 'b/candidate')).toMatchObject({
      override: 'candidate',
      route: { rules: { experiment: 'b' } },
    });
  });

  it('rolls one slot back and leaves the other as it is', () => {
    const { allocations, place, a } = both();
    const before = USERS.map((user) => variantAt(place(user)));
    const back = order('b', 3, 0, { command: 'rollback', terminal: true });
    allocations.command(commandOf(back, 3, layerOf(a, back)));
    USERS.forEach((user, index) => {
      const at = place(user);
      expect(variantAt(at)).toBe(at.drawn?.slot === 'b-slot' ? 'control' : before[index]);
    });
    expect(allocations.epochs()).toEqual({ [SERVICE]: 3 });
  });

  it('follows the largest epoch, in whichever order commands of two experiments come, and a rollback above what an order repeats', () => {
    const { allocations, answers, a, b } = both();
    const back = order('a', 4, 0, { command: 'rollback', terminal: true });
    allocations.command(commandOf(back, 4, layerOf(back, b)));
    allocations.command(commandOf({ ...b, commandId: 'late', stage: 1 }, 3, layerOf(a, b)));
    expect(answers.at(-1)).toEqual(['late', 'overtaken']);
    expect(allocations.routeOfExperiment(SERVICE, 'a')?.rules.weightsPpm).toEqual({ control: MILLION, candidate: 0 });
    // Of another controller, say, that does not know of the rollback.
    allocations.command(commandOf({ ...b, commandId: 'blind', stage: 2 }, 5, layerOf(a, b)));
    expect(allocations.routeOfExperiment(SERVICE, 'a')?.rules.weightsPpm).toEqual({ control: MILLION, candidate: 0 });
  });

  it('obeys an order when it knows the experiments of all slots; until then theirs get the baseline', () => {
    const { allocations, place } = aRouter();
    const [a, b] = [order('a', 1, 500_000), order('b', 2, 500_000)];
    allocations.define(definition('b'));
    allocations.command(commandOf(b, 2, layerOf(a, b)));
    expect(new Set(USERS.map((user) => experimentAt(place(user))))).toEqual(new Set([null, 'b']));
    expect(allocations.epochs()).toEqual({});
    allocations.define(definition('a'));
    expect(new Set(USERS.map((user) => experimentAt(place(user))))).toEqual(new Set([null, 'a', 'b']));
    expect(allocations.epochs()).toEqual({ [SERVICE]: 2 });
  });

  it('goes by what an operator divides anew, and keeps the orders of slots that stay', () => {
    const { allocations, place, a } = both();
    const example = examples.find(({ type }) => type === 'service.defined.v1')?.data as ServiceDefined;
    const layer = { ...layerOf(a, null), slots: layerOf(a, null).slots.slice(0, 1) };
    allocations.defineService({ ...example, service: SERVICE, epoch: 5, layer });
    expect(new Set(USERS.map((user) => place(user).drawn?.slot))).toEqual(new Set(['a-slot', 'free', 'holdout']));
    expect(allocations.routeOfExperiment(SERVICE, 'a')?.rules.epoch).toBe(1);
    expect(allocations.routeOfExperiment(SERVICE, 'b')).toBeUndefined();
    const { layer: _whole, ...whole } = { ...example, service: SERVICE, epoch: 6, layer };
    allocations.defineService(whole);
    expect(allocations.routeOf(SERVICE)).toMatchObject({ kind: 'upstream' });
  });

  it('fails safe slot by slot: without a sign of its controller, behind an order, from its file, behind broken glass', () => {
    const { allocations, beat, pass, a, b } = both();
    const failSafe = (): readonly boolean[] =>
      allocations.experimentRoutes().map((route) => allocations.isFailSafe(route));
    pass(29_000);
    beat(['b'], { [SERVICE]: 2 });
    pass(2_000);
    expect(failSafe()).toEqual([true, false]);
    beat(['a', 'b'], { [SERVICE]: 7 });
    pass(2_001);
    expect(failSafe()).toEqual([true, true]);
    beat(['a', 'b'], { [SERVICE]: 2 });
    expect(failSafe()).toEqual([false, false]);

    const again = aRouter();
    again.allocations.restore(allocations.state, true);
    const restored = again.allocations.experimentRoutes().map((route) => again.allocations.isFailSafe(route));
    expect(restored).toEqual([true, true]);

    allocations.breakGlass(SERVICE, { actor: 'ana', reason: 'it burns', at: '2026-11-20T12:00:00.000Z' });
    expect(allocations.routeOf(SERVICE)).toMatchObject({ kind: 'upstream', upstream: { url: BASELINE.upstream } });
    const next = order('b', 3, 600_000);
    allocations.command(commandOf(next, 3, layerOf(a, next)));
    expect(allocations.routeOf(SERVICE)).toMatchObject({ kind: 'slots', epoch: 3 });
    expect(b.epoch).toBe(2);
  });

  it('serves a winner that waits in its slot, also after broken glass was mended', () => {
    const { allocations, b } = both();
    const won = order('a', 3, MILLION, { command: 'promote', terminal: true });
    allocations.command(commandOf(won, 3, layerOf(won, b)));
    const later = order('b', 4, 600_000);
    allocations.command(commandOf(later, 4, layerOf(won, later)));
    allocations.breakGlass(SERVICE, { actor: 'ana', reason: 'it burns', at: '2026-11-20T12:00:00.000Z' });
    allocations.mendGlass(SERVICE);
    expect(allocations.routeOfExperiment(SERVICE, 'a')?.rules.weightsPpm).toEqual(won.weightsPpm);
  });

  it('makes nothing of ended experiments, however many there were, and keeps their latches', () => {
    const { allocations, answers } = aRouter();
    for (let index = 1; index <= 300; index += 1) {
      const key = `old-${index}`;
      const ended = order(key, index, 0, { command: 'rollback', terminal: true });
      const { layer: _layer, ...command } = commandOf(ended, index, layerOf(null, null));
      allocations.define(definition(key));
      allocations.command(command);
    }
    expect(allocations.routes.size).toBe(1);
    const late = order('old-7', 301, 500_000, { commandId: 'late' });
    allocations.command(commandOf(late, 301, layerOf(null, null)));
    expect(answers.at(-1)).toEqual(['late', 'refused']);
    expect(allocations.epochs()).toEqual({ [SERVICE]: 300 });
    expect(allocations.routeOf(SERVICE)).toMatchObject({ kind: 'experiment', rules: { experiment: 'old-300' } });
  });
});
