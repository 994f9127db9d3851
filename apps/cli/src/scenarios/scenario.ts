import { closest, type ExperimentFile, type VariantConfig } from '#libs/contracts';

/** How an experiment may end. */
export type StoryOutcome = 'promoted' | 'rolled-back' | 'inconclusive';

/** A story that the demonstration plays: what is changed about the model, and how it has to end. */
export interface Scenario {
  readonly name: string;
  /** One line for the person who watches. */
  readonly story: string;
  readonly candidate: Partial<VariantConfig>;
  readonly expected: StoryOutcome;
  /** Metrics of which one must have caused a rollback; empty where none is expected. */
  readonly expectedMetrics: readonly string[];
  /** What happens besides the change: the scorer dies after so many requests; the mix of prompts drifts with the ramp. */
  readonly event:
    | { readonly kind: 'none' }
    | { readonly kind: 'scorer-dies'; readonly afterRequests: number }
    | { readonly kind: 'mix-drifts' };
  /** What comes before the ramp; absent: nothing does. */
  readonly shadow?: NonNullable<ExperimentFile['shadow']>;
  /** A comparable effect under the simulated whole rule (auto ramp from 1 %); null without one. */
  readonly reference: Reference | null;
}

/** What the simulated rule takes on average until the end. */
export interface Reference {
  readonly effect: string;
  /** Row of the calibration's results; null where it was simulated apart. */
  readonly cell: string | null;
  readonly requests: number;
  /** Requests of them that the candidate answered; null where that tells nothing. */
  readonly exposed: number | null;
}

/** What control runs in every scenario: a small distilled model, second-order sampler, 24 steps. */
export const CONTROL_CONFIG: VariantConfig = {
  checkpoint: 'scenes-1.0',
  sampler: 'dpmpp-2m',
  steps: 24,
  precision: 'fp16',
};

const none = { kind: 'none' } as const;

const IDENTICAL: Reference = {
  effect: 'identical',
  cell: 'canary/identical/from 1 %',
  requests: 29_098,
  exposed: null,
};

export const scenarios: readonly Scenario[] = [
  {
    name: 'good-canary',
    story: 'A cheaper sampler (unipc, 12 steps) draws equally good pictures in half the time.',
    candidate: { sampler: 'unipc', steps: 12 },
    expected: 'promoted',
    expectedMetrics: [],
    event: none,
    reference: { effect: '20 % cheaper', cell: 'canary/20 % cheaper/from 1 %', requests: 28_142, exposed: null },
  },
  {
    name: 'wrong-attribute',
    story: 'A new checkpoint is as fast and as stable, but draws the wrong thing for one prompt in five.',
    candidate: { checkpoint: 'scenes-1.1-wrong-attribute' },
    expected: 'rolled-back',
    expectedMetrics: ['alignment', 'wrong-pictures'],
    event: none,
    reference: {
      effect: '20 % of the pictures wrong',
      cell: 'canary/20 % of the pictures wrong/from 1 %',
      requests: 1_463,
      exposed: 15,
    },
  },
  {
    name: 'int4',
    story: 'Weights quantised to 4 bits: faster and cheaper, and the shading turns into bands.',
    candidate: { precision: 'int4' },
    expected: 'rolled-back',
    expectedMetrics: ['quality', 'alignment', 'wrong-pictures'],
    event: none,
    reference: { effect: 'alignment −10 %', cell: 'canary/alignment −10 %/from 1 %', requests: 2_736, exposed: 27 },
  },
  {
    name: 'slow',
    story: 'The latents are decoded on the CPU: the pictures are the same, the tail of the latency is not.',
    candidate: { decoder: 'cpu' },
    expected: 'rolled-back',
    expectedMetrics: ['latency-p95'],
    event: none,
    reference: { effect: 'latency ×2', cell: 'canary/latency × 2/from 1 %', requests: 663, exposed: 7 },
  },
  {
    name: 'flaky',
    story: 'A beta of an attention kernel crashes in 5 % of the requests.',
    candidate: { attention: 'flash-beta' },
    expected: 'rolled-back',
    expectedMetrics: ['error-rate', 'delivery-rate'],
    event: none,
    // The same rule, simulated with this scenario's margins (8 runs): 5 % lies between 3 % and 10 % of the published table.
    reference: { effect: 'errors 5 %', cell: null, requests: 11_900, exposed: 385 },
  },
  {
    name: 'expensive',
    story: 'The same model on a dearer GPU that it does not need.',
    candidate: { gpu: 'h100' },
    expected: 'rolled-back',
    expectedMetrics: ['cost-per-image'],
    event: none,
    reference: { effect: 'cost +15 %', cell: 'canary/cost +15 %/from 1 %', requests: 3_821, exposed: 38 },
  },
  {
    name: 'identical',
    story: 'A/A: the candidate is the control. It must never be rolled back.',
    candidate: {},
    expected: 'promoted',
    expectedMetrics: [],
    event: none,
    reference: IDENTICAL,
  },
  {
    name: 'dead-scorer',
    story: 'The scorer dies midway: nobody looks at the pictures any more, so nothing may be promoted.',
    candidate: { sampler: 'unipc', steps: 12 },
    expected: 'inconclusive',
    expectedMetrics: [],
    event: { kind: 'scorer-dies', afterRequests: 1_500 },
    reference: null,
  },
  {
    name: 'drifting-ramp',
    story: 'The mix of prompts drifts while the share climbs; the variants are equal. It must never be rolled back.',
    candidate: {},
    expected: 'promoted',
    expectedMetrics: [],
    event: { kind: 'mix-drifts' },
    reference: IDENTICAL,
  },
];

/** What is seen in the pictures, the latency or the cost. Few requests are copied, so that the 300 that fix the margins cost few pairs. */
const PLAIN_HARM = { pairs: 300, rate: '20%', concurrency: 8 };
/** Half of the traffic at once: the last proof is the longest, and it is half as long from there. */
const LARGE_FIRST_SHARE = { pairs: 700, rate: '100%', concurrency: 16 };

/** The shadows of the stories that have one. */
const SHADOWS: Readonly<Record<string, NonNullable<Scenario['shadow']>>> = {
  'wrong-attribute': PLAIN_HARM,
  int4: PLAIN_HARM,
  slow: PLAIN_HARM,
  expensive: PLAIN_HARM,
  // Rare errors take more.
  flaky: { ...PLAIN_HARM, pairs: 700 },
  'good-canary': LARGE_FIRST_SHARE,
  identical: LARGE_FIRST_SHARE,
};

/** The same stories with a shadow before the ramp: what is bad is found with nobody exposed, what is equal begins with a larger share. */
export const shadowScenarios: readonly Scenario[] = scenarios.flatMap((scenario) => {
  const shadow = SHADOWS[scenario.name];
  return shadow ? [{ ...scenario, name: `${scenario.name}-shadow`, shadow, reference: null }] : [];
});

/** @throws RangeError that names the scenarios there are. */
export function findScenario(name: string): Scenario {
  const all = [...scenarios, ...shadowScenarios];
  const found = all.find((scenario) => scenario.name === name);
  if (found) return found;
  const names = all.map((scenario) => scenario.name);
  const [near] = closest(name, names, 1);
  const hint = near === undefined ? '' : ` Did you mean ${near}?`;
  throw new RangeError(`There is no scenario "${name}".${hint} There are: ${names.join(', ')}.`);
}

/**
 * Requests per second at which a person can follow how a bad candidate is found: a rollback takes from some ten seconds to about two minutes.
 * Where nothing is wrong a promotion needs tens of thousands of requests, so there the machine sets the pace.
 */
export const WATCHABLE_PER_SECOND = 80;

/** The pace of a story that is watched; undefined: as many requests as the machine carries. */
export function watchablePace({ expected }: Scenario): number | undefined {
  return expected === 'rolled-back' ? WATCHABLE_PER_SECOND : undefined;
}

/** The experiment file of a scenario, as a person would write it. */
export function experimentOf(
  scenario: Scenario,
  key: string,
  upstreams: { control: string; candidate: string },
  deadline = '10m',
): ExperimentFile {
  return {
    apiVersion: 'teststrip/v1',
    key,
    service: key,
    kind: 'canary',
    unit: 'user',
    variants: {
      control: { upstream: upstreams.control, config: CONTROL_CONFIG },
      candidate: {
        upstream: upstreams.candidate,
        config: { ...CONTROL_CONFIG, ...scenario.candidate } as VariantConfig,
      },
    },
    ...(scenario.shadow ? { shadow: scenario.shadow } : {}),
    ramp: 'auto',
    guardrails: [
      { metric: 'error-rate', margin: '+1pp' },
      { metric: 'latency-p95', margin: '+15%' },
      { metric: 'alignment', margin: '-2%' },
      { metric: 'wrong-pictures', margin: '+100%' },
      { metric: 'quality', margin: '-3%' },
      { metric: 'cost-per-image', margin: '+10%' },
    ],
    onInconclusive: 'rollback',
    holdAtMost: '5s',
    deadline,
    alpha: 0.05,
    baselineUnits: 300,
    // Both services have made pictures for nobody before they are ready.
    warmUp: 'off',
  };
}
