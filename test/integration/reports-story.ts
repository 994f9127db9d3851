import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { aShadow, somePairs } from '#libs/testing/delivery';
import { examples, type DataOf, type MetricAnalysis, type TeststripEvent, type TopicName } from '#libs/contracts';

type Objectives = NonNullable<DataOf<'experiment.analysed.v1'>['objectives']>;

/**
 * An ab test that aims at alignment and cost: `cheap` is better by their weights, `fine` can't be by what matters, `poor` loses on both. The
 * intervals are 2 % to either side.
 */
export function abStory(experiment: string): TeststripEvent[] {
  return weighed(experiment, {
    rope: 0.01,
    candidates: [
      {
        candidate: 'cheap',
        utility: { ...around(0.06), verdict: 'better', reason: 'better-than-control' },
        gains: [gain('alignment', 1, -0.03), gain('cost-per-image', 1, 0.15)],
      },
      {
        candidate: 'fine',
        utility: { ...around(-0.02), verdict: 'futile', reason: 'no-gain-that-matters-is-left' },
        gains: [gain('alignment', 1, 0.02), gain('cost-per-image', 1, -0.06)],
      },
      {
        candidate: 'poor',
        utility: { ...around(-0.09), verdict: 'worse', reason: 'worse-than-control' },
        gains: [gain('alignment', 1, -0.06), gain('cost-per-image', 1, -0.12)],
      },
    ],
    pareto: [
      { variant: 'control', onFront: true, surelyDominatedBy: [] },
      { variant: 'cheap', onFront: true, surelyDominatedBy: [] },
      { variant: 'fine', onFront: true, surelyDominatedBy: [] },
      { variant: 'poor', onFront: false, surelyDominatedBy: ['control', 'fine'] },
    ],
  });
}

/** An ab test of three objectives, young: `even` is practically equal, `young` has no interval of its cost and no latency yet. */
export function threeObjectivesStory(experiment: string): TeststripEvent[] {
  const even = { low: -0.004, high: 0.008 };
  const unknown = { estimate: null, interval: null };
  return weighed(experiment, {
    rope: 0.01,
    candidates: [
      {
        candidate: 'even',
        utility: { estimate: 0.002, interval: even, verdict: 'practically-equal', reason: 'within-what-matters' },
        gains: ['alignment', 'cost-per-image', 'latency-mean'].map((metric, index) => ({
          ...gain(metric, 3 - index, 0.002),
          interval: even,
        })),
      },
      {
        candidate: 'young',
        utility: { ...unknown, verdict: 'undecided', reason: 'no-interval: cost-per-image' },
        gains: [
          gain('alignment', 3, 0.04),
          { ...gain('cost-per-image', 2, -0.31), interval: null, missing: 'no-interval' },
          { ...gain('latency-mean', 1, 0), ...unknown, missing: 'no-data' },
        ],
      },
    ],
    pareto: [
      { variant: 'control', onFront: false, surelyDominatedBy: [] },
      { variant: 'even', onFront: true, surelyDominatedBy: [] },
      { variant: 'young', onFront: true, surelyDominatedBy: [] },
    ],
  });
}

function gain(metric: string, weight: number, estimate: number): Objectives['candidates'][number]['gains'][number] {
  return { metric, weight, ...around(estimate), missing: null };
}

function around(estimate: number): { readonly estimate: number; readonly interval: { low: number; high: number } } {
  return { estimate, interval: { low: estimate - 0.02, high: estimate + 0.02 } };
}

/** One analysis of a canary about which much has to be said: a limit, a stall, lost values, a long tail, wrong units, mended fields, odd units. */
export function troubledStory(experiment: string): TeststripEvent[] {
  const defined = definition(experiment);
  const found = examples.find(
    ({ type }) => type === 'experiment.analysed.v1',
  ) as TeststripEvent<'experiment.analysed.v1'>;
  const reading = { isBrokenNow: false, units: 900, lnE: { beyond: -1, within: 4.2 } };
  const metrics = [
    metricAt(100, 'error-rate', {
      kind: 'rate',
      unit: 'share of requests',
      direction: 'lower',
      estimate: { control: 0.0102, candidate: 0.0095, effect: -0.0007 },
      limit: {
        kind: 'at-most',
        value: 0.05,
        candidate: { ...reading, verdict: 'within' },
        control: { ...reading, verdict: 'undecided', isBrokenNow: true },
      },
      leftOut: { control: 31, candidate: 4 },
    }),
    metricAt(100, 'cost-per-image', {
      kind: 'mean',
      unit: 'cost',
      direction: 'lower',
      estimate: { control: 1, candidate: 1.2, effect: 0.2 },
      withValue: { control: 0.98, candidate: 0.7 },
      clipped: [{ low: 0.5, high: 1.5, control: { values: 0.01, sum: 0.02 }, candidate: { values: 0.05, sum: 0.3 } }],
    }),
  ];
  const finding = {
    kind: 'unit-of-measure' as const,
    variant: 'candidate',
    field: 'timings.totalMs',
    factor: 0.001,
    expected: null,
    found: null,
    metrics: ['latency-p95'],
  };
  const health: DataOf<'experiment.analysed.v1'>['health'] = {
    ...found.data.health,
    consistency: { status: 'inconsistent', findings: [finding] },
    mended: { percent: 1_234 },
    unitIds: {
      nameless: 0,
      beyondMemory: 0,
      heaviest: { unit: `crawler-${'0123456789abcdef'.repeat(6)}`, requests: 900, share: 0.15 },
    },
  };
  return [
    example('experiment.defined.v1', `${experiment}-defined`, { ...defined, definedAt: at(0) }),
    ...started(experiment),
    example('experiment.analysed.v1', `${experiment}-analysis`, { experiment, revision: 1, metrics, health }),
  ];
}

/** A canary in its shadow: 212 of 350 pairs, by which 5 % may be served. */
export function shadowStory(experiment: string): TeststripEvent[] {
  const defined = definition(experiment);
  const spec = defined.spec as DataOf<'experiment.defined.v1'>['spec'];
  const pairs = somePairs(212, 50_000, {
    halves: { control: 3, candidate: 0 },
    pixels: { compared: 200, equal: 150, share: 0.75 },
  });
  return [
    example('experiment.defined.v1', `${experiment}-defined`, {
      ...defined,
      definedAt: at(0),
      spec: { ...spec, ...aShadow() },
    }),
    ...ordered(experiment, 1, 0, {
      command: 'start',
      stage: 0,
      weightsPpm: share(0),
      reason: 'started',
      message: 'starts in the shadow',
      evidence: null,
      shadow: { candidates: ['candidate'], ratePpm: 100_000, concurrency: 4 },
    }),
    example('experiment.analysed.v1', `${experiment}-analysis`, { experiment, revision: 1, pairs: [pairs] }),
  ];
}

/** The definition of an ab test and one analysis of it. */
function weighed(experiment: string, objectives: Objectives): TeststripEvent[] {
  const defined = definition(experiment);
  const spec = defined.spec as DataOf<'experiment.defined.v1'>['spec'];
  const { control, candidate } = spec.variants;
  const names = objectives.candidates.map((one) => one.candidate);
  return [
    example('experiment.defined.v1', `${experiment}-defined`, {
      ...defined,
      spec: {
        ...spec,
        kind: 'ab',
        variants: { control: control!, ...Object.fromEntries(names.map((name) => [name, candidate!])) },
        objectives: objectives.candidates[0]!.gains.map(({ metric, weight }) => ({ metric, weight })),
        rope: objectives.rope,
      },
      fingerprints: Object.fromEntries(['control', ...names].map((name) => [name, name])),
    }),
    example('experiment.analysed.v1', `${experiment}-analysis`, { experiment, revision: 1, metrics: [], objectives }),
  ];
}

/** A canary that climbs two stages and is rolled back on its pictures: the events of two minutes, pictures included. */
export async function rolledBackStory(experiment: string, pictureFolder: string): Promise<TeststripEvent[]> {
  const events: TeststripEvent[] = [
    example('experiment.defined.v1', `${experiment}-defined`, { ...definition(experiment), definedAt: at(0) }),
    ...started(experiment),
    ...advanced(experiment),
    ...rolledBack(experiment),
  ];
  // Analyses go on after the decision: what arrives late makes the deciding metric look undecided again.
  for (let second = 2; second <= 116; second += 2) events.push(analysisAt(experiment, second, at(second)));
  for (let index = 0; index < 400; index += 1) events.push(requestAt(experiment, index, at(index / 4)));
  for (let index = 0; index < PICTURES; index += 1)
    events.push(...(await pictureAt(experiment, index, at(40 + index / 2), pictureFolder)));
  return events;
}

const START_MS = Date.parse('2026-11-20T10:00:00.000Z');

/** When the second of the story is. */
function at(second: number, millisecond = 0): string {
  return new Date(START_MS + second * 1_000 + millisecond).toISOString();
}

function started(experiment: string): TeststripEvent[] {
  return ordered(experiment, 1, 0, {
    command: 'start',
    stage: 0,
    weightsPpm: share(10_000),
    reason: 'started',
    message: 'started at 1 %',
    evidence: null,
  });
}

function advanced(experiment: string): TeststripEvent[] {
  return ordered(experiment, 2, 45, {
    command: 'advance',
    stage: 1,
    weightsPpm: share(50_000),
    reason: 'budget-proven',
    message: 'every guardrail is proven no worse than its margin ÷ 5 %',
    evidence: null,
  });
}

function rolledBack(experiment: string): TeststripEvent[] {
  return ordered(experiment, 3, DECIDED_AT, {
    command: 'rollback',
    stage: 1,
    weightsPpm: share(0),
    reason: 'harmful',
    message: 'alignment is worse than its margin: ln E 3.41 after 188 units of the candidate',
    terminal: true,
    evidence: {
      analysisId: 'last',
      metric: 'alignment',
      candidate: 'candidate',
      lnE: 3.41,
      units: 188,
      analysedAt: at(DECIDED_AT - 1, 960),
      newestEventAt: at(DECIDED_AT - 1, 880),
      metricAnalysis: analysisAt(experiment, DECIDED_AT, at(DECIDED_AT)).data.metrics[0]!,
    },
  });
}

/** A command, and the router that obeys it. */
function ordered(
  experiment: string,
  epoch: number,
  second: number,
  change: Partial<DataOf<'allocation.commanded.v1'>>,
): TeststripEvent[] {
  const of = { experiment, revision: 1, commandId: `${experiment}-${epoch}`, epoch };
  return [
    example('allocation.commanded.v1', `${experiment}-command-${epoch}`, {
      ...of,
      commandedAt: at(second),
      terminal: false,
      ...change,
    }),
    example('allocation.applied.v1', `${experiment}-applied-${epoch}`, {
      ...of,
      router: 'router-1',
      outcome: 'applied',
      reason: null,
      appliedAt: at(second, 9),
    }),
  ];
}

function example<T extends TopicName>(
  type: T,
  id: string,
  change: Partial<DataOf<T>>,
  time?: string,
): TeststripEvent<T> {
  const found = examples.find((event) => event.type === type) as TeststripEvent<T>;
  return { ...found, id, time: time ?? found.time, data: { ...found.data, ...change } };
}

function share(candidate: number): Record<string, number> {
  return { control: 1_000_000 - candidate, candidate };
}

function definition(experiment: string): Partial<DataOf<'experiment.defined.v1'>> {
  const { spec } = (
    examples.find(({ type }) => type === 'experiment.defined.v1') as TeststripEvent<'experiment.defined.v1'>
  ).data;
  const stages = [10_000, 50_000, 250_000, 500_000, 1_000_000].map((weightPpm) => ({
    weightPpm,
    atLeastMs: 0,
    atLeastUnits: 0,
    approval: 'none' as const,
  }));
  return { experiment, revision: 1, spec: { ...spec, key: experiment, ramp: { kind: 'explicit', stages } } };
}

function requestAt(experiment: string, index: number, startedAt: string): TeststripEvent {
  const variant = index % 12 === 0 ? 'candidate' : 'control';
  return example('request.routed.v1', `${experiment}-request-${index}`, {
    requestId: `${experiment}-${index}`,
    outcome: index % 97 === 0 ? 'server-error' : 'delivered',
    assignment: assignmentOf(experiment, variant),
    startedAt,
  });
}

function assignmentOf(experiment: string, variant: string): NonNullable<DataOf<'request.routed.v1'>['assignment']> {
  const { assignment } = (
    examples.find(({ type }) => type === 'request.routed.v1') as TeststripEvent<'request.routed.v1'>
  ).data;
  return { ...assignment!, experiment, revision: 1, variant, epoch: 2 };
}

/** A canary of which people have pictures of six prompts to judge, each by both variants with one seed, before 5 %. */
export async function reviewStory(experiment: string, folder: string): Promise<TeststripEvent[]> {
  const defined = definition(experiment);
  const spec = defined.spec as DataOf<'experiment.defined.v1'>['spec'];
  const stages = spec.ramp.stages.map((stage, index) =>
    index === 1 ? { ...stage, approval: 'required' as const, judgements: 30 } : stage,
  );
  const made = await Promise.all(Array.from({ length: 12 }, (_, index) => judgedPicture(experiment, index, folder)));
  return [
    example('experiment.defined.v1', `${experiment}-defined`, {
      ...defined,
      definedAt: at(0),
      spec: { ...spec, ramp: { kind: 'explicit', stages } },
    }),
    ...started(experiment),
    ...made,
  ];
}

async function judgedPicture(experiment: string, index: number, folder: string): Promise<TeststripEvent> {
  const variant = index % 2 === 0 ? 'control' : 'candidate';
  const generationId = `${experiment}-generation-${index}`;
  const bytes = await drawing(variant === 'control' ? '#d33a2c' : '#b04a8c', index);
  const path = join(folder, `${generationId}.png`);
  await writeFile(path, bytes);
  const place = Math.floor(index / 2);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return example('generation.completed.v1', generationId, {
    generationId,
    assignment: assignmentOf(experiment, variant),
    prompt: `a large circle at the left and a small green square at the right on a sand background, take ${place}`,
    seed: place,
    images: [{ uri: pathToFileURL(path).href, sha256, format: 'png', width: 96, height: 96, bytes: bytes.length }],
  });
}

const PICTURES = 130;
/** A picture of the candidate whose file is gone before it is scored. */
const GONE = PICTURES - 3;

async function pictureAt(experiment: string, index: number, time: string, folder: string): Promise<TeststripEvent[]> {
  const variant = index % 2 === 0 ? 'control' : 'candidate';
  const isWrong = variant === 'candidate' && index % 6 === 1;
  const generationId = `${experiment}-generation-${index}`;
  const bytes = await drawing(isWrong ? '#3b6fd4' : '#d33a2c', index);
  const path = join(folder, `${generationId}.png`);
  if (index !== GONE) await writeFile(path, bytes);
  const assignment = assignmentOf(experiment, variant);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const made = example(
    'generation.completed.v1',
    generationId,
    {
      generationId,
      assignment,
      prompt: 'a large red circle at the left and a small green square at the right on a sand background',
      images: [{ uri: pathToFileURL(path).href, sha256, format: 'png', width: 96, height: 96, bytes: bytes.length }],
    },
    time,
  );
  // The newest pictures have not been scored yet.
  if (index >= PICTURES - 2) return [made];
  const score = { generationId, imageIndex: 0, assignment };
  const said =
    index === GONE
      ? {
          outcome: 'unavailable' as const,
          reason: `ENOENT: no such file or directory, open '${path}'`,
          alignment: null,
        }
      : { alignment: (isWrong ? 0.11 : 0.31) + (index % 5) * 0.004, quality: { clean: 0.94 } };
  return [made, example('image.scored.v1', `${generationId}-score`, { ...score, ...said }, time)];
}

function drawing(colour: string, index: number): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><rect width="96" height="96" fill="#d9c79a"/>
    <circle cx="${30 + (index % 4)}" cy="50" r="22" fill="${colour}"/><rect x="66" y="${40 + (index % 7)}" width="16" height="16" fill="#2f8f4e"/></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** Second of the analysis after which the canary is rolled back. */
const DECIDED_AT = 110;

function analysisAt(experiment: string, second: number, analysedAt: string): TeststripEvent<'experiment.analysed.v1'> {
  const { control, candidate } = countsAt(second);
  return example('experiment.analysed.v1', `${experiment}-analysis-${second}`, {
    experiment,
    revision: 1,
    analysisId: second === DECIDED_AT ? 'last' : `at-${second}`,
    analysedAt,
    stage: second < 45 ? 0 : 1,
    units: { control: control.units, candidate: candidate.units },
    metrics: [
      alignmentAt(second),
      errorRateAt(second),
      latencyAt(second),
      wrongPicturesAt(second),
      metricAt(second, 'quality', {
        role: 'observed',
        reason: 'only-observed',
        estimate: { control: 0.941, candidate: 0.94, effect: -0.001 },
        interval: { low: -0.004, high: 0.002 },
      }),
      metricAt(second, 'cost-per-image', { direction: 'lower', unit: 'cost', reason: 'baseline' }),
    ],
  });
}

function alignmentAt(second: number): MetricAnalysis {
  const width = 0.02 / Math.sqrt(second / DECIDED_AT);
  const effect = second > DECIDED_AT ? -0.016 : -0.025 + waveAt(second) * 0.004;
  return metricAt(second, 'alignment', {
    unit: 'cosine',
    ...(second === DECIDED_AT ? { verdict: 'harmful', reason: 'worse-than-margin' } : {}),
    estimate: { control: 0.314, candidate: 0.289, effect },
    interval: { low: effect - width, high: effect + width },
    margin: 0.00314,
    lnE: { harmful: harmAt(second), nonInferior: -2.4 * (second / DECIDED_AT) },
  });
}

function errorRateAt(second: number): MetricAnalysis {
  const part = second / DECIDED_AT;
  const width = 0.02 / Math.sqrt(part);
  return metricAt(second, 'error-rate', {
    unit: 'share of requests',
    direction: 'lower',
    verdict: second > 80 ? 'non-inferior' : 'undecided',
    reason: second > 80 ? 'within-margin' : 'collecting',
    estimate: { control: 0.0102, candidate: 0.0095, effect: -0.0007 },
    interval: { low: -0.004 - width / 8, high: 0.003 + width / 8 },
    margin: 0.005,
    lnE: { harmful: -1.4 * part, nonInferior: 4 * part },
  });
}

function latencyAt(second: number): MetricAnalysis {
  const part = second / DECIDED_AT;
  const width = 0.02 / Math.sqrt(part);
  return metricAt(second, 'latency-p95', {
    unit: 'ms',
    direction: 'lower',
    scale: 'relative',
    verdict: second > 60 ? 'superior' : 'undecided',
    reason: second > 60 ? 'better-than-control' : 'collecting',
    estimate: { control: 412.7, candidate: 341.2, effect: -0.173 },
    interval: { low: -0.173 - width * 2, high: -0.173 + width * 2 },
    margin: 41.27,
    lnE: { harmful: -2 * part, nonInferior: 5.2 * part },
  });
}

function wrongPicturesAt(second: number): MetricAnalysis {
  return metricAt(second, 'wrong-pictures', {
    unit: 'share of pictures',
    direction: 'lower',
    scale: 'ln-rate-ratio',
    estimate: { control: 0.021, candidate: 0.066, effect: 1.1 },
    interval: { low: 0.1, high: 2.2 },
    margin: 0.5,
    lnE: { harmful: harmAt(second) * 0.7, nonInferior: -1.9 * (second / DECIDED_AT) },
  });
}

/** A guardrail that nothing is decided of yet, but for `change`. */
function metricAt(second: number, metric: string, change: Partial<MetricAnalysis>): MetricAnalysis {
  return {
    metric,
    candidate: 'candidate',
    role: 'guardrail',
    unit: 'score',
    direction: 'higher',
    verdict: 'undecided',
    reason: 'collecting',
    n: countsAt(second),
    estimate: { control: null, candidate: null, effect: null },
    interval: null,
    scale: 'difference',
    margin: null,
    lnE: null,
    budget: [],
    ...change,
  };
}

function countsAt(second: number) {
  return {
    control: { units: second * 30, events: second * 31 },
    candidate: { units: Math.round(second * 1.7), events: second * 2 },
  };
}

/** What chance adds; it fades until the decision. */
function waveAt(second: number): number {
  return Math.sin(second / 5) * Math.max(0, 1 - second / DECIDED_AT);
}

/** ln E of harm: it grows up to the decision, and is smaller again with what arrives late. */
function harmAt(second: number): number {
  return second > DECIDED_AT ? 2.2 : 3.41 * (second / DECIDED_AT) ** 2 + waveAt(second) * 0.4;
}
