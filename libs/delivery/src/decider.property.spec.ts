import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExperimentAnalysed, MetricAnalysis } from '#libs/contracts';
import {
  aMetric,
  analysed,
  applied,
  approval,
  aShadow,
  aSpec,
  aStage,
  COVERAGE_GAP,
  define,
  explicitRamp,
  harmful,
  HEALTHY,
  operator,
  provenUpTo,
  restarted,
  SCORES_SILENT,
  SPLIT_IS_OFF,
  T0,
  tick,
} from '#libs/testing/delivery';
import {
  decider,
  DecisionRefusedError,
  deliveryEvent,
  initialState,
  rebuild,
  type DeliveryEvent,
  type DeliveryInput,
  type DeliveryState,
} from './index.js';

const { decide, evolve } = decider;

const HOUR_MS = 3_600_000;

const waiting = explicitRamp(
  aStage(10_000, { atLeastMs: 600_000 }),
  aStage(100_000, { approval: 'required' }),
  aStage(1_000_000),
);
const guardedByGates = explicitRamp(
  aStage(10_000, { gates: { before: ['smoke'] } }),
  aStage(100_000, { gates: { before: ['load'], after: ['load', 'legal'] } }),
  aStage(1_000_000, { gates: { before: ['legal'] } }),
);
const unhurried = aSpec({
  ramp: {
    kind: 'auto',
    stages: [aStage(10_000), aStage(990_000, { atLeastMs: 2 * HOUR_MS, bake: true }), aStage(1_000_000)],
  },
  schedule: [{ days: [1, 2, 3, 4, 5], fromMinute: 540, toMinute: 960, timeZone: 'Europe/Berlin' }],
  dryRun: aSpec().guardrails.slice(1),
  guardrails: aSpec().guardrails.slice(0, 1),
});
const specs = fc.constantFrom(
  aSpec(),
  aSpec({ ramp: waiting }),
  aSpec({ ramp: guardedByGates }),
  aSpec({ onInconclusive: 'hold' }),
  aSpec(aShadow()),
  aSpec({ control: 'candidate' }),
  unhurried,
);

const metricAnalysis = (metric: string): fc.Arbitrary<MetricAnalysis> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant(harmful(metric)) },
    { weight: 5, arbitrary: fc.constantFrom(50_000, 200_000, 1_000_000).map((share) => provenUpTo(metric, share)) },
    { weight: 3, arbitrary: fc.constant(aMetric(metric)) },
    {
      weight: 1,
      arbitrary: fc.constant(
        aMetric(metric, {
          verdict: 'unmeasurable',
          lnE: null,
          interval: null,
          estimate: { control: null, candidate: null, effect: null },
        }),
      ),
    },
  );
const health: fc.Arbitrary<ExperimentAnalysed['health']> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(HEALTHY) },
  { weight: 1, arbitrary: fc.constantFrom(SPLIT_IS_OFF, COVERAGE_GAP, SCORES_SILENT) },
);

/** An input without its time and what depends on the state at that time. */
type Step = (atMs: number, state: DeliveryState) => DeliveryInput;

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        metrics: fc.tuple(metricAnalysis('alignment'), metricAnalysis('error-rate')),
        health,
        candidate: fc.constantFrom('candidate', 'control'),
        isOld: fc.boolean(),
      })
      .map(
        ({ metrics, health: condition, candidate, isOld }): Step =>
          (atMs, state) =>
            analysed(
              atMs,
              metrics.map((metric) => ({ ...metric, candidate })),
              {
                health: condition,
                revision: state.phase === 'absent' ? 1 : state.revision,
                epoch: isOld || state.phase === 'absent' ? 0 : state.epoch,
              },
            ),
      ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('pause', 'resume', 'promote', 'rollback', 'new-attempt').map(
      (type): Step =>
        (atMs) =>
          operator(type, atMs),
    ),
  },
  {
    weight: 1,
    arbitrary: specs.map(
      (spec): Step =>
        (atMs) =>
          define(atMs, spec),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((atMs) => approval(atMs)) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('approve', 'approve', 'approve', 'deny', 'wait', 'none')
      .map((answer): Step => (atMs, state) => {
        const [asked] = 'gates' in state ? (state.gates ?? []).toReversed() : [];
        if (state.phase === 'absent' || asked === undefined) return restarted(atMs);
        const { stage, when, gate } = asked;
        const { revision } = state;
        return { type: 'gate-said', atMs, commandId: `said-${atMs}`, revision, stage, when, gate, answer, reason: '' };
      }),
  },
  { weight: 2, arbitrary: fc.constantFrom<Step>((atMs) => tick(atMs, atMs - 120_000), restarted) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('applied', 'refused').map(
      (outcome): Step =>
        (atMs, state) =>
          'lastCommand' in state
            ? applied(atMs, state.lastCommand, { outcome, revision: state.revision })
            : restarted(atMs),
    ),
  },
);

const histories = fc.array(fc.record({ step: steps, afterMs: fc.integer({ min: 0, max: 2 * HOUR_MS }) }), {
  minLength: 1,
  maxLength: 60,
});

interface Decided {
  readonly before: DeliveryState;
  readonly input: DeliveryInput;
  readonly events: readonly DeliveryEvent[];
  readonly after: DeliveryState;
}

/** Plays a history from the first definition on; refused commands leave no trace. */
function play(history: readonly { readonly step: Step; readonly afterMs: number }[]): readonly Decided[] {
  let state: DeliveryState = initialState;
  let atMs = T0;
  const decided: Decided[] = [];
  for (const { step, afterMs } of [{ step: (at: number) => define(at), afterMs: 0 }, ...history]) {
    atMs += afterMs;
    const before = state;
    const input = step(atMs, before);
    const events = decideOrRefuse(before, input);
    state = events.reduce(evolve, before);
    decided.push({ before, input, events, after: state });
  }
  return decided;
}

function decideOrRefuse(state: DeliveryState, input: DeliveryInput): readonly DeliveryEvent[] {
  try {
    return decide(state, input);
  } catch (error) {
    if (error instanceof DecisionRefusedError) return [];
    throw error;
  }
}

/** Share of everybody who is not on control. */
function exposedPpm(state: DeliveryState): number {
  return 'weightsPpm' in state ? 1_000_000 - (state.weightsPpm[state.spec.control] ?? 0) : 0;
}

const always = (check: (decided: readonly Decided[]) => void): void => {
  fc.assert(
    fc.property(histories, (history) => check(play(history))),
    { numRuns: 400, seed: 20_261_120 },
  );
};

/** Without what is only tried. */
function guarded(state: DeliveryState, metrics: readonly MetricAnalysis[]): readonly MetricAnalysis[] {
  const tried = 'spec' in state ? (state.spec.dryRun ?? []) : [];
  return metrics.filter(({ metric }) => !tried.some((guardrail) => guardrail.metric === metric));
}

const swapped = (name: string): string => (name === 'control' ? 'candidate' : 'control');

describe('in every history', () => {
  it('rebuilding from the stored log gives the state that following it gave', () => {
    always((decided) => {
      const stored = JSON.stringify(decided.flatMap(({ events }) => events));
      expect(rebuild(deliveryEvent.array().parse(JSON.parse(stored)))).toEqual(decided.at(-1)?.after);
    });
  });

  it('epochs strictly grow and every command allocates all traffic', () => {
    always((decided) => {
      const commands = decided.flatMap(({ events }) =>
        events.flatMap((event) => ('command' in event ? [event.command] : [])),
      );
      commands.forEach(({ epoch, weightsPpm }, index) => {
        expect(epoch).toBeGreaterThan(commands[index - 1]?.epoch ?? 0);
        expect(Object.values(weightsPpm).reduce((sum, weight) => sum + weight, 0)).toBe(1_000_000);
      });
    });
  });

  it('nothing but acknowledgements and a new revision follows a rollback, and control keeps everything', () => {
    always((decided) => {
      for (const { before, events, after } of decided) {
        if (before.phase === 'rolled-back') {
          const begins = events.some(({ type }) => type === 'defined');
          const allowed = ['acknowledged', 'defined', 'started', ...(begins ? ['gate-asked'] : [])];
          expect(events.filter(({ type }) => !allowed.includes(type))).toEqual([]);
          if (events.some(({ type }) => type === 'started'))
            expect(after).toMatchObject({ revision: before.revision + 1 });
        }
        if (after.phase === 'rolled-back') expect(exposedPpm(after)).toBe(0);
      }
    });
  });

  it('an ended revision only ever changes to rolled back', () => {
    always((decided) => {
      for (const { before, after } of decided) {
        if (before.phase !== 'promoted' && before.phase !== 'concluded') continue;
        if (after.phase === 'absent' || after.revision !== before.revision) continue;
        expect([before.phase, 'rolled-back']).toContain(after.phase);
      }
    });
  });

  it('the share rises only by a healthy analysis that proves it, or by a named operator', () => {
    always((decided) => {
      for (const { before, input, after } of decided) {
        if (exposedPpm(after) <= exposedPpm(before)) continue;
        if (input.type !== 'analysed') {
          expect(['define', 'new-attempt', 'approve', 'promote', 'gate-said']).toContain(input.type);
          // Of a gate: before the first stage, and where it approves.
          if (input.type === 'gate-said') expect([before.phase, input.answer]).toEqual(['draft', 'approve']);
          continue;
        }
        expect(before.phase).toBe('running');
        const { metrics: all, health: condition } = input.analysis;
        const metrics = guarded(before, all);
        expect(condition).toEqual(HEALTHY);
        expect(metrics.map(({ verdict }) => verdict)).not.toContain('harmful');
        expect(metrics.every(({ verdict, budget }) => verdict === 'non-inferior' || budget.length > 0)).toBe(true);
      }
    });
  });

  it('proven harm of a candidate leaves nobody with it', () => {
    always((decided) => {
      for (const { before, input, after } of decided) {
        if (input.type !== 'analysed' || before.phase === 'absent' || before.phase === 'draft') continue;
        const isHarm = guarded(before, input.analysis.metrics).some(
          ({ verdict, candidate }) => verdict === 'harmful' && candidate !== before.spec.control,
        );
        if (isHarm) expect(exposedPpm(after)).toBe(0);
      }
    });
  });

  it('the same input again decides nothing new', () => {
    always((decided) => {
      for (const { input, after } of decided) {
        if (input.type === 'new-attempt' || input.type === 'pause' || input.type === 'resume') continue;
        const again = decideOrRefuse(after, input);
        // A recovered ramp may use the analysis that it recovered by; it saw the stage.
        if (input.type === 'analysed' && again[0]?.type !== 'rolled-back') continue;
        expect(again).toEqual([]);
      }
    });
  });

  it('swapping the names of control and candidate swaps the weights and nothing else', () => {
    fc.assert(
      fc.property(fc.tuple(metricAnalysis('alignment'), metricAnalysis('error-rate')), health, (metrics, condition) => {
        const run = (control: string): readonly (readonly [string, number])[] => {
          const state = decide(initialState, define(T0, aSpec({ control }))).reduce(evolve, initialState);
          const input = analysed(
            T0 + HOUR_MS,
            metrics.map((metric) => ({ ...metric, candidate: swapped(control) })),
            { health: condition },
          );
          return decide(state, input).flatMap((event) =>
            'command' in event ? [[event.type, event.command.weightsPpm[control] as number] as const] : [],
          );
        };
        expect(run('control')).toEqual(run('candidate'));
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});
