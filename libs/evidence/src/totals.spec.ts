import { type ExperimentDefined, type MetricAnalysis, parseExperimentFile } from '#libs/contracts';
import { simulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import {
  analyse,
  decodeEvidence,
  encodeEvidence,
  type Evidence,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  knownMetrics,
  type ObservedEvent,
} from './index.js';

const START_MS = Date.UTC(2026, 0, 1);
const WINDOW_MS = 60_000;

/** A canary at a half that guards the pictures its users get within a minute. */
function designOf(more = '') {
  const text = `apiVersion: teststrip/v1
key: exp
service: text-to-image
kind: canary
variants:
  control: { upstream: "http://control:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: fp16 } }
  candidate: { upstream: "http://candidate:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: int8 } }
ramp: [{ weight: 50% }, { weight: 100% }]
guardrails: [{ metric: pictures, margin: -20% }]
metrics: [{ name: pictures, path: request.routed.v1, kind: total, window: 1m, direction: higher, where: { outcome: delivered }${more} }]
`;
  const spec = parseExperimentFile(text, 'experiment.yaml', knownMetrics);
  // Only the total is folded.
  return evidenceDesign({ ...definition(), spec } satisfies ExperimentDefined, 1, []);
}

interface Visit {
  readonly unit: string;
  readonly variant: 'control' | 'candidate';
  readonly atMs: number;
  readonly outcome?: 'delivered' | 'server-error';
  readonly epoch?: number;
  readonly candidatePpm?: number;
}

const [template] = new SimulatedTraffic(1).next() as [ObservedEvent & { readonly type: 'request.routed.v1' }];

/** A request at `atMs` after the beginning, by the carrier's clock. */
function visit({
  unit,
  variant,
  atMs,
  outcome = 'delivered',
  epoch = 1,
  candidatePpm = 500_000,
}: Visit): ObservedEvent {
  const assignment = {
    ...template.data.assignment!,
    unit,
    variant,
    epoch,
    stage: 0,
    propensity: (variant === 'candidate' ? candidatePpm : 1e6 - candidatePpm) / 1e6,
    weightsPpm: { control: 1e6 - candidatePpm, candidate: candidatePpm },
  };
  return {
    ...template,
    id: `${unit}-${atMs}`,
    subject: unit,
    time: new Date(START_MS + atMs).toISOString(),
    data: { ...template.data, assignment, outcome },
  };
}

/** A new user every 40 ms, who comes back now and then; the candidate's come back `often` times as often. */
function visitors(users: number, often: number, seed = 3): readonly ObservedEvent[] {
  const random = simulationRandom(seed);
  const visits = Array.from({ length: users }, (_, user): Visit[] => {
    const variant = random.uniform() < 0.5 ? 'candidate' : 'control';
    const rate = 3 * (variant === 'candidate' ? often : 1);
    const beganMs = user * 40;
    const all: Visit[] = [{ unit: `u${user}`, variant, atMs: beganMs }];
    for (let atMs = beganMs; ;) {
      atMs += (-Math.log(1 - random.uniform()) * WINDOW_MS) / rate;
      if (atMs > beganMs + 1.5 * WINDOW_MS) return all;
      all.push({ unit: `u${user}`, variant, atMs });
    }
  });
  return visits
    .flat()
    .sort((a, b) => a.atMs - b.atMs)
    .map(visit);
}

const pictures = (events: readonly ObservedEvent[], design = designOf()): MetricAnalysis =>
  analysisOf(design, events).metrics.find(({ metric }) => metric === 'pictures')!;

describe('a total per unit', () => {
  const both = ['control', 'candidate'] as const;

  it('is what a unit’s events add up to within the window, and a value once that has closed', () => {
    const seen = both.flatMap((variant) => [
      visit({ unit: variant, variant, atMs: 0 }),
      visit({ unit: variant, variant, atMs: 20_000, outcome: 'server-error' }),
      visit({ unit: variant, variant, atMs: 30_000 }),
    ]);
    const late = both.map((variant) => visit({ unit: variant, variant, atMs: WINDOW_MS + 1 }));
    const open = visit({ unit: 'third', variant: 'control', atMs: 59_000 });
    expect(pictures([...seen, open])).toMatchObject({ verdict: 'undecided', reason: 'open-windows' });
    expect(pictures([...seen, open, ...late])).toMatchObject({
      n: { control: { units: 1 }, candidate: { units: 1 } },
      estimate: { control: 2, candidate: 2 },
    });
  });

  it('is 0 of a unit that got nothing', () => {
    const seen = both.map((variant) => visit({ unit: variant, variant, atMs: 0, outcome: 'server-error' }));
    const later = visit({ unit: 'third', variant: 'control', atMs: WINDOW_MS });
    expect(pictures([...seen, later]).estimate).toMatchObject({ control: 0, candidate: 0 });
  });

  it('shows that people come back less often, which no value of a single request does', () => {
    const { verdict, estimate } = pictures(visitors(2_500, 0.5));
    expect(verdict).toBe('harmful');
    expect(Math.abs(estimate.control! - 4)).toBeLessThan(0.2);
    expect(Math.abs(estimate.candidate! - 2.5)).toBeLessThan(0.2);
    expect(pictures(visitors(2_500, 1)).verdict).toBe('non-inferior');
  });

  it('is left out, of both variants, where the shares change before its window closes, and so is who comes back', () => {
    const seen = both.map((variant) => visit({ unit: variant, variant, atMs: 0 }));
    const after = { epoch: 2, candidatePpm: 600_000 };
    const back = both.map((variant) => visit({ unit: variant, variant, atMs: 30_000, ...after }));
    const fresh = both.map((variant) => visit({ unit: `new ${variant}`, variant, atMs: 40_000, ...after }));
    // On its way while the shares changed.
    const straggler = visit({ unit: 'new control', variant: 'control', atMs: 41_000 });
    const end = visit({ unit: 'last', variant: 'control', atMs: 4 * WINDOW_MS, ...after });
    expect(pictures([...seen, ...back, ...fresh, straggler, end])).toMatchObject({
      n: { control: { units: 1 }, candidate: { units: 1 } },
      estimate: { control: 1, candidate: 1 },
    });
  });

  it('goes on where the same shares are ordered again', () => {
    const seen = both.map((variant) => visit({ unit: variant, variant, atMs: 0 }));
    const end = visit({ unit: 'last', variant: 'control', atMs: WINDOW_MS, epoch: 2 });
    expect(pictures([...seen, end])).toMatchObject({ n: { control: { units: 1 }, candidate: { units: 1 } } });
  });

  it('waits for nobody whose window began by a clock that was ahead', () => {
    const ahead = visit({ unit: 'ahead', variant: 'control', atMs: 73 * 365 * 86_400_000 });
    const seen = both.map((variant) => visit({ unit: variant, variant, atMs: 0 }));
    const end = visit({ unit: 'last', variant: 'control', atMs: WINDOW_MS });
    expect(pictures([ahead, ...seen, end])).toMatchObject({ n: { control: { units: 1 }, candidate: { units: 1 } } });
  });

  it('takes as many units at once as there is room for, and no more memory', () => {
    const design = designOf();
    const evidence = initialEvidence(design, 'request.routed.v1');
    for (let user = 0; user < 5_000; user++)
      foldEvent(evidence, design, visit({ unit: `u${user}`, variant: user % 2 ? 'candidate' : 'control', atMs: user }));
    expect(evidence.totals.open.get('pictures')!.size).toBe(4_096);
    foldEvent(evidence, design, visit({ unit: 'last', variant: 'control', atMs: 2 * WINDOW_MS }));
    expect(evidence.totals.open.get('pictures')!.size).toBe(1);
  });

  it('goes on bit for bit from a snapshot in the middle of its windows, and begins anew where it means something else', () => {
    const design = designOf();
    const events = visitors(1_200, 0.8);
    const fold = (evidence: Evidence, some: readonly ObservedEvent[]) => {
      for (const event of some) foldEvent(evidence, design, event);
      return evidence;
    };
    const whole = fold(initialEvidence(design, 'request.routed.v1'), events);
    const half = fold(initialEvidence(design, 'request.routed.v1'), events.slice(0, 1_500));
    const stored = JSON.parse(JSON.stringify(encodeEvidence(half))) as ReturnType<typeof encodeEvidence>;
    const units = [half.units.takeChanges()];
    expect(half.totals.open.get('pictures')!.size).toBeGreaterThan(300);
    const restored = fold(decodeEvidence(design, stored, units), events.slice(1_500));
    expect(encodeEvidence(restored)).toEqual(encodeEvidence(whole));
    const other = designOf(', cap: p90');
    expect(decodeEvidence(other, stored, units).totals.open.size).toBe(0);
    expect(analyse(restored, design, START_MS)).toEqual(analyse(whole, design, START_MS));
  });
});
