import * as fc from 'fast-check';
import { candidatesOf, NOT_ASKED, type ExperimentAnalysed, type ExperimentSpec } from '#libs/contracts';
import {
  decider,
  decideOnService,
  DecisionRefusedError,
  evolveService,
  initialState,
  isActive,
  newService,
  operateService,
  type DeliveryEvent,
  type DeliveryInput,
  type DeliveryState,
  type ServiceEvent,
  type ServiceInput,
  type ServiceState,
} from '#libs/delivery';
import {
  aMetric,
  analysed,
  applied,
  approval,
  aShadow,
  aSpec,
  aStage,
  aUtility,
  COVERAGE_GAP,
  define,
  explicitRamp,
  harmful,
  HEALTHY,
  hours,
  objectives,
  operator,
  provenUpTo,
  restarted,
  somePairs,
  SPLIT_IS_OFF,
  T0,
  tick,
} from './builders.js';

/** One service and all experiments on it, by key. */
export interface ServiceWorld {
  readonly service: ServiceState;
  readonly experiments: Readonly<Record<string, DeliveryState>>;
}

/** What one input led to. */
export interface PlayedMoment {
  readonly before: ServiceWorld;
  /** An experiment's key; null: the input is about the service itself. */
  readonly key: string | null;
  readonly input: DeliveryInput | ServiceInput;
  readonly events: readonly DeliveryEvent[];
  readonly serviceEvents: readonly ServiceEvent[];
  readonly after: ServiceWorld;
}

type Moment = (atMs: number, world: ServiceWorld) => Asked;
type Asked =
  | { readonly key: string; readonly input: DeliveryInput }
  | { readonly key: null; readonly input: ServiceInput };

/** Something that is asked of the service, some time after what was asked before. */
export interface ServiceMoment {
  readonly ask: Moment;
  readonly afterMs: number;
}

const SERVICE = 'text-to-image';
const KEYS = ['one', 'two', 'three'];
const HOUR_MS = 3_600_000;

/** Every night and one long stop, so that most histories meet both. */
export const FROZEN: ExperimentSpec['freeze'] = [
  { fromMs: hours(6), toMs: hours(12) },
  { days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 22 * 60, toMinute: 24 * 60, timeZone: 'Europe/Berlin' },
];

const gated = explicitRamp(aStage(50_000), aStage(200_000, { approval: 'required' }), aStage(1_000_000));
const KINDS: readonly Partial<ExperimentSpec>[] = [
  {},
  { ramp: gated },
  { freeze: FROZEN },
  { ramp: gated, freeze: FROZEN, onInconclusive: 'hold' },
  aShadow(),
  // Hours in which shares rise, a bake before the promotion, and a guardrail that decides nothing.
  {
    schedule: [{ days: [1, 2, 3, 4, 5], fromMinute: 540, toMinute: 1_200, timeZone: 'Europe/Berlin' }],
    ramp: {
      kind: 'auto',
      stages: [aStage(50_000), aStage(950_000, { atLeastMs: HOUR_MS, bake: true }), aStage(1_000_000)],
    },
    dryRun: aSpec().guardrails.slice(1),
    guardrails: aSpec().guardrails.slice(0, 1),
  },
  { kind: 'ab', objectives: [{ metric: 'quality', weight: 1 }], freeze: FROZEN },
];

/** Configurations by a letter; a history is about models at upstreams, or about features, whose variants are parameters alone. */
function variantOf(letter: string, isFeature: boolean): ExperimentSpec['variants'][string] {
  const steps = letter.charCodeAt(0);
  if (isFeature) return { upstream: NOT_ASKED, config: { parameters: { steps } } };
  return {
    upstream: `http://127.0.0.1:${8_000 + steps}/`,
    config: { checkpoint: 'scenes-1.0', sampler: 'unipc', precision: 'fp16', steps },
  };
}

const specs = (isFeature: boolean): fc.Arbitrary<ExperimentSpec> =>
  fc
    .record({
      key: fc.constantFrom(...KEYS),
      kind: fc.constantFrom(...KINDS),
      control: fc.constantFrom('a', 'a', 'b', 'c'),
      candidates: fc.constantFrom(['b'], ['c'], ['a'], ['b', 'c'], ['b', 'c']),
      slot: fc.constantFrom(undefined, undefined, undefined, 'left', 'right'),
    })
    .map(({ key, kind, control, candidates, slot }) => {
      const named = Object.fromEntries(candidates.map((letter) => [letter, variantOf(letter, isFeature)]));
      const variants = { control: variantOf(control, isFeature), ...named };
      // Nothing copies what is asked of nobody.
      const { shadow: _shadow, ...without } = kind;
      const own = isFeature ? without : kind;
      return aSpec({ key, service: SERVICE, variants, ...own, ...(slot === undefined ? {} : { slot }) });
    });

function fingerprintsOf({ variants }: ExperimentSpec): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(variants).map(([name, { config }]) => [name, `f-${JSON.stringify(config)}`]),
  );
}

/** Mostly of who is under way, sometimes of whoever else. */
function keyAt(experiments: ServiceWorld['experiments'], which: number): string {
  const active = KEYS.filter((key) => isActive(experiments[key] ?? initialState));
  return which === 5 ? KEYS[2]! : (active[which % Math.max(1, active.length)] ?? KEYS[which % KEYS.length]!);
}

type Proof = 'harm' | 'nothing' | number;

const proofs: fc.Arbitrary<Proof> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Proof>('harm') },
  { weight: 2, arbitrary: fc.constant<Proof>('nothing') },
  { weight: 8, arbitrary: fc.constantFrom<Proof>(50_000, 200_000, 500_000, 1_000_000, 1_000_000) },
);

function metricOf(metric: string, candidate: string, proof: Proof) {
  const found = proof === 'harm' ? harmful(metric) : proof === 'nothing' ? aMetric(metric) : provenUpTo(metric, proof);
  return { ...found, candidate };
}

const analyses: fc.Arbitrary<Moment> = fc
  .record({
    which: fc.nat(5),
    proof: fc.tuple(proofs, proofs),
    health: fc.oneof(
      { weight: 6, arbitrary: fc.constant(HEALTHY) },
      { weight: 1, arbitrary: fc.constantFrom(SPLIT_IS_OFF, COVERAGE_GAP) },
    ),
    isOld: fc.boolean(),
    pairs: fc.constantFrom(0, 400),
    isBest: fc.boolean(),
  })
  .map(({ which, proof: [first, second], health, isOld, pairs, isBest }): Moment => (atMs, { experiments }) => {
    const key = keyAt(experiments, which);
    const state = experiments[key] ?? initialState;
    const known = state.phase === 'absent' ? undefined : state;
    const candidates = known ? candidatesOf(known.spec) : [];
    const metrics = candidates.flatMap((name) => [
      metricOf('alignment', name, first),
      metricOf('error-rate', name, second),
    ]);
    const allows = typeof first === 'number' ? first : 0;
    const more: Partial<ExperimentAnalysed> = {
      pairs: candidates.map((candidate) => somePairs(pairs, allows, { candidate })),
      ...objectives(...candidates.map((name) => aUtility(name, 0.1, 0.2, isBest ? 'better' : 'undecided'))),
    };
    const epoch = known && !isOld ? known.epoch : 0;
    const of = { experiment: key, revision: known?.revision ?? 1, policy: known?.policy ?? 0, epoch, health };
    return { key, input: analysed(atMs, metrics, { ...of, ...more }) };
  });

const ORDERS = ['pause', 'resume', 'promote', 'rollback', 'new-attempt', 'end', 'archive', 'drop-arm'] as const;

const operators: fc.Arbitrary<Moment> = fc
  .record({
    which: fc.nat(5),
    type: fc.constantFrom(...ORDERS),
    variant: fc.constantFrom(undefined, 'b', 'c'),
  })
  .map(({ which, type, variant }): Moment => (atMs, { experiments }) => ({
    key: keyAt(experiments, which),
    input: { ...operator(type, atMs), variant },
  }));

/** Time, routers, and a database that was restored: routers are further than what is known here. */
const others: fc.Arbitrary<Moment> = fc
  .record({
    key: fc.constantFrom(...KEYS),
    what: fc.constantFrom('approve', 'tick', 'silent', 'restarted', 'applied', 'contested'),
    ahead: fc.nat(50),
  })
  .map(({ key, what, ahead }): Moment => (atMs, { service, experiments }) => {
    const state = experiments[key] ?? initialState;
    if (what === 'approve') return { key, input: approval(atMs) };
    if (what === 'tick' || what === 'silent')
      return { key, input: tick(atMs, what === 'tick' ? atMs : atMs - 120_000) };
    if (what === 'restarted' || !('lastCommand' in state)) return { key, input: restarted(atMs) };
    if (what === 'applied')
      return { key, input: applied(atMs, state.lastCommand, { experiment: key, revision: state.revision }) };
    const servedEpoch = service.epoch + ahead;
    const input = { type: 'contested' as const, atMs, commandId: `contested-${key}-${atMs}-${ahead}` };
    return { key, input: { ...input, epoch: state.epoch, servedEpoch, behind: ['router-1'] } };
  });

const by = (atMs: number) => ({ atMs, actor: 'ana', note: 'because I say so' });

function onService(isFeature: boolean): fc.Arbitrary<Moment> {
  const whole = [{ id: 'whole', fromPpm: 0, toPpm: 1_000_000 }];
  const halves = [
    { id: 'left', fromPpm: 0, toPpm: 400_000 },
    { id: 'right', fromPpm: 400_000, toPpm: 900_000 },
  ];
  return fc.oneof(
    fc.constantFrom('open', 'open', 'open', 'paused', 'drained').map((mode): Moment => (atMs) => ({
      key: null,
      input: { type: 'set-mode', mode: mode as 'open', ...by(atMs) },
    })),
    fc.constantFrom('a', 'b', 'c').map((letter): Moment => (atMs) => {
      const { upstream, config } = variantOf(letter, isFeature);
      const baseline = { upstream, config, fingerprint: `f-${JSON.stringify(config)}` };
      return { key: null, input: { type: 'set-baseline', baseline, ...by(atMs) } };
    }),
    fc.constantFrom('b', 'c').map((letter): Moment => (atMs) => {
      const fingerprint = `f-${JSON.stringify(variantOf(letter, isFeature).config)}`;
      return { key: null, input: { type: 'retry', fingerprint, ...by(atMs) } };
    }),
    fc.constantFrom(whole, halves).map((slots): Moment => (atMs) => ({
      key: null,
      input: { type: 'set-slots', unit: 'user', holdoutPpm: slots === whole ? 0 : 100_000, slots, ...by(atMs) },
    })),
  );
}

const histories = (isFeature: boolean): fc.Arbitrary<readonly ServiceMoment[]> => {
  const definitions = specs(isFeature).map((spec): Moment => (atMs) => ({
    key: spec.key,
    input: define(atMs, spec, { fingerprints: fingerprintsOf(spec) }),
  }));
  const ask = fc.oneof(
    { weight: 5, arbitrary: definitions },
    { weight: 20, arbitrary: analyses },
    { weight: 3, arbitrary: operators },
    { weight: 3, arbitrary: others },
    { weight: 2, arbitrary: onService(isFeature) },
  );
  const afterMs = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: HOUR_MS }));
  return fc.array(fc.record({ ask, afterMs }), { minLength: 5, maxLength: 60, size: 'max' });
};

/** What may happen to a service of models, or of a feature. */
export const serviceHistories: fc.Arbitrary<readonly ServiceMoment[]> = fc.boolean().chain(histories);

/** Decides about every moment as the decision service does; what is refused leaves no trace. */
export function playService(history: readonly ServiceMoment[]): readonly PlayedMoment[] {
  let world: ServiceWorld = { service: newService(SERVICE), experiments: {} };
  let atMs = T0;
  return history.map(({ ask, afterMs }) => {
    atMs += afterMs;
    const before = world;
    const { key, input } = ask(atMs, before);
    const { events, serviceEvents } = decided(before, { key, input } as Asked);
    const service = serviceEvents.reduce(evolveService, before.service);
    const state = key === null ? undefined : events.reduce(decider.evolve, before.experiments[key] ?? initialState);
    const experiments = key === null || !state ? before.experiments : { ...before.experiments, [key]: state };
    world = { service, experiments };
    return { before, key, input, events, serviceEvents, after: world };
  });
}

function decided(world: ServiceWorld, { key, input }: Asked): Pick<PlayedMoment, 'events' | 'serviceEvents'> {
  try {
    if (key === null) return { events: [], serviceEvents: operateService(world.service, input) };
    return decideOnService(world.service, world.experiments[key] ?? initialState, input);
  } catch (error) {
    if (error instanceof DecisionRefusedError) return { events: [], serviceEvents: [] };
    throw error;
  }
}
