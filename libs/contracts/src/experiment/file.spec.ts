import { describe, expect, it } from 'vitest';
import {
  candidatesOf,
  comparedWith,
  ExperimentFileError,
  experimentSpec,
  parseExperimentFile,
  type KnownMetric,
  MILLION,
  NOT_ASKED,
  parametersOf,
} from '../index.js';

const knownAs = (name: string, facts: Partial<KnownMetric> = {}): KnownMetric => ({
  name,
  use: 'decides',
  direction: 'higher',
  largestEffect: null,
  isShare: false,
  ...facts,
});
const ALIGNMENT = knownAs('alignment', { largestEffect: 2 });
const ERROR_RATE = knownAs('error-rate', { direction: 'lower', largestEffect: 1, isShare: true });
const LATENCY = knownAs('latency-p95', { direction: 'lower', unit: 'ms' });
const metrics = [ALIGNMENT, ERROR_RATE];
const file = (body: string): string => `apiVersion: teststrip/v1
key: sdxl-int8
service: text-to-image
kind: canary
variants:
  control:   { upstream: "http://127.0.0.1:8000", config: { checkpoint: a, precision: fp16, sampler: ddim, steps: 30 } }
  candidate: { upstream: "http://127.0.0.1:8001", config: { checkpoint: a, precision: int8, sampler: ddim, steps: 30 } }
${body}`;

/** A file with one metric of its own. */
const own = (metric: string): string =>
  file(`metrics:\n  - { name: mine, ${metric} }\nguardrails: [{ metric: alignment, margin: -1% }]`);

const problemsOf = (text: string): string[] => {
  try {
    parseExperimentFile(text, 'canary.yaml', metrics);
  } catch (error) {
    if (error instanceof ExperimentFileError) return error.message.split('\n');
    throw error;
  }
  return [];
};

const routeIn = (route: string) =>
  parseExperimentFile(file(`${route}\nguardrails: [{ metric: alignment, margin: -1% }]`), 'f', metrics).route;

const guarded = (margin: string): string => file(`guardrails:\n  - { metric: download-rate, margin: ${margin} }`);

/** A file whose ramp takes thirty judgements before one of its stages. */
const askingForJudgements = (stage: number, more = ''): string => {
  const weights = ['1%', '50%', '100%'].map(
    (weight, index) => `{ weight: ${weight}${index === stage ? ', approval: { judgements: 30 }' : ''} }`,
  );
  return file(`${GUARDED}\nramp: [${weights.join(', ')}]\n${more}`);
};

describe('an experiment file', () => {
  it('becomes ppm, milliseconds and margins', () => {
    const spec = parseExperimentFile(
      file(`ramp: [{ weight: 1%, atLeast: 10m }, { weight: 50%, approval: required }, { weight: 100% }]
guardrails:
  - { metric: error-rate, margin: +0.5pp }
  - { metric: alignment, margin: -1% }`),
      'canary.yaml',
      metrics,
    );
    expect(experimentSpec.parse(spec)).toEqual(spec);
    expect(spec.ramp.stages.map(({ weightPpm }) => weightPpm)).toEqual([10_000, 500_000, 1_000_000]);
    expect(spec.ramp.stages[0]).toMatchObject({ atLeastMs: 600_000, approval: 'none' });
    expect(spec.guardrails.map(({ margin }) => margin)).toEqual([
      { kind: 'absolute', value: 0.005 },
      { kind: 'relative', value: 0.01 },
    ]);
    expect(spec.deadlineMs).toBe(86_400_000);
  });

  it('takes judgements of pictures for an approval, where there are pictures by then', () => {
    const { stages } = parseExperimentFile(askingForJudgements(1), 'canary.yaml', metrics).ramp;
    expect(stages[1]).toMatchObject({ approval: 'required', judgements: 30 });
    expect(problemsOf(askingForJudgements(0))[0]).toMatch(
      /ramp\.0\.approval: asks for judgements of pictures before anybody/,
    );
    expect(
      parseExperimentFile(askingForJudgements(0, 'shadow: {}'), 'canary.yaml', metrics).ramp.stages[0],
    ).toMatchObject({
      judgements: 30,
    });
    expect(problemsOf(askingForJudgements(1).replace('judgements: 30', 'judgements: 0'))[0]).toContain('ramp');
  });

  it('says where clients ask for the service: a path, or a host and a path', () => {
    expect(routeIn('')).toBeUndefined();
    expect(routeIn('route: /v1/images/')).toEqual({ path: '/v1/images' });
    expect(routeIn('route: { host: Images.example.com }')).toEqual({ host: 'images.example.com', path: '/' });
    for (const wrong of ['v1/images', '/v1//images', '/v1/images?x=1', '/v1/../x', '/health', '/v1/services/x']) {
      const problem = problemsOf(file(`route: ${wrong}\nguardrails: [{ metric: alignment, margin: -1% }]`));
      expect(problem[0], wrong).toMatch(/^canary\.yaml:8: route: expected a path/);
    }
  });

  it('climbs the ladder from the first share by itself with ramp: auto', () => {
    const guardrails = 'guardrails: [{ metric: alignment, margin: -1% }]';
    const weights = (ramp: string): number[] =>
      parseExperimentFile(file(`${ramp}\n${guardrails}`), 'f', metrics).ramp.stages.map(({ weightPpm }) => weightPpm);
    expect(weights('ramp: auto')).toEqual([10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]);
    expect(weights('ramp: { auto: { from: 5% } }')).toEqual([50_000, 100_000, 200_000, 500_000, 1_000_000]);
  });

  it('names file, line and expectation of a misspelt metric', () => {
    expect(problemsOf(file('guardrails:\n  - { metric: aligment, margin: -1% }'))).toEqual([
      'canary.yaml:9: guardrails.0.metric: unknown metric "aligment"; expected one of: alignment, error-rate; nearest: alignment',
    ]);
  });

  it('takes metrics over any field of the events, with their own margin', () => {
    const spec = parseExperimentFile(
      file(`metrics:
  - { name: vram-peak, path: generation.completed.v1/gpu.memoryMiB, kind: mean, direction: lower, unit: MiB, margin: +5% }
  - { name: sharpness-p10, path: image.scored.v1/quality.sharp, kind: p10, direction: higher, bounds: [0, 1] }
  - { name: blank-pictures, path: image.scored.v1/blank, kind: rate, direction: lower }
  - { name: seconds-per-step, path: generation.completed.v1/gpu.seconds, per: config.steps, kind: ratio, direction: lower }
guardrails:
  - { metric: vram-peak }
  - { metric: blank-pictures, margin: +1pp }
watch: [seconds-per-step]`),
      'f',
      metrics,
    );
    expect(experimentSpec.parse(spec)).toEqual(spec);
    expect(spec.metrics?.map(({ name, topic, path, kind, level }) => [name, topic, path, kind, level])).toEqual([
      ['vram-peak', 'generation.completed.v1', 'gpu.memoryMiB', 'mean', null],
      ['sharpness-p10', 'image.scored.v1', 'quality.sharp', 'upper-tail', 0.1],
      ['blank-pictures', 'image.scored.v1', 'blank', 'rate', null],
      ['seconds-per-step', 'generation.completed.v1', 'gpu.seconds', 'ratio', null],
    ]);
    expect(spec.guardrails[0]?.margin).toEqual({ kind: 'relative', value: 0.05 });
    expect(spec.watch).toEqual(['seconds-per-step']);
  });

  it.each([
    [
      'an unknown field',
      'path: generation.completed.v1/memoryMib, kind: mean, direction: lower',
      'canary.yaml:9: metrics.0.path: generation.completed.v1 has no number or truth value at "memoryMib"; nearest: gpu.memoryMiB',
    ],
    [
      'a field of text',
      'path: generation.completed.v1/prompt, kind: mean, direction: lower',
      'canary.yaml:9: metrics.0.path: generation.completed.v1 has no number or truth value at "prompt"; it has: ',
    ],
    [
      'the assignment',
      'path: image.scored.v1/assignment.propensity, kind: mean, direction: lower',
      'canary.yaml:9: metrics.0.path: image.scored.v1 has no number or truth value at "assignment.propensity"',
    ],
    [
      'an unknown topic',
      'path: image.score.v1/alignment, kind: mean, direction: lower',
      'canary.yaml:9: metrics.0.path: unknown topic "image.score.v1"; expected one of: request.routed.v1, ',
    ],
    [
      'the mean of a truth value',
      'path: image.scored.v1/blank, kind: mean, direction: lower',
      'canary.yaml:9: metrics.0.path: image.scored.v1/blank is true or false: expected kind: rate',
    ],
    [
      'a ratio of one number',
      'path: generation.completed.v1/cost, kind: ratio, direction: lower',
      'canary.yaml:9: metrics.0.per: a ratio needs "per": the field to divide by',
    ],
    [
      'a ratio whose parts come from two topics',
      'path: generation.completed.v1/cost, kind: ratio, per: request.routed.v1/durationMs, direction: lower',
      'canary.yaml:9: metrics.0.per: "request.routed.v1/durationMs": both parts of a ratio come with the same event',
    ],
    [
      'a share as a rate',
      'path: generation.completed.v1/gpu.utilisation, kind: rate, direction: higher',
      'canary.yaml:9: metrics.0.path: generation.completed.v1/gpu.utilisation is a number from 0 to 1, of which a rate counts only 0 and 1: expected kind: probability',
    ],
    [
      'a field that is not there, to count by',
      'path: generation.completed.v1/cost, kind: mean, direction: lower, where: { config.app: mobile, outcom: failed }',
      'canary.yaml:9: metrics.0.where.outcom: generation.completed.v1 has no field "outcom" that can be compared with a value; nearest: outcome',
    ],
    [
      'a value that never occurs',
      'path: request.routed.v1/status, kind: mean, direction: lower, where: { outcome: [server-error, delivred] }',
      'canary.yaml:9: metrics.0.where.outcome.1: "delivred" never occurs there: expected one of: ',
    ],
    [
      'a value of another type',
      'path: generation.completed.v1/cost, kind: mean, direction: lower, where: { shadow: "no" }',
      'canary.yaml:9: metrics.0.where.shadow: "no" never occurs there: expected true or false',
    ],
    [
      'the variant itself, to count by',
      'path: generation.completed.v1/cost, kind: mean, direction: lower, where: { assignment.variant: control }',
      'canary.yaml:9: metrics.0.where.assignment.variant: generation.completed.v1 has no field',
    ],
    [
      'everything, with a condition that is none',
      'path: generation.completed.v1/cost, kind: mean, direction: lower, where: {}',
      'canary.yaml:9: metrics.0.where: expected a field and its value, such as outcome: delivered',
    ],
    [
      'a cap of what is no mean',
      'path: generation.completed.v1/cost, kind: p90, direction: lower, cap: p99',
      'canary.yaml:9: metrics.0.cap: only a mean or a total has "cap"',
    ],
    [
      'a cap below the middle',
      'path: generation.completed.v1/cost, kind: mean, direction: lower, cap: p10',
      'canary.yaml:9: metrics.0.cap: expected a quantile from p50 on, such as p99',
    ],
    [
      'a cap beside bounds',
      'path: generation.completed.v1/cost, kind: mean, direction: lower, cap: p99, bounds: [0, 1]',
      'canary.yaml:9: metrics.0.cap: there are "bounds" already: expected one of the two',
    ],
    [
      'a total without an end',
      'path: generation.completed.v1/cost, kind: total, direction: lower',
      'canary.yaml:9: metrics.0.window: a total needs "window": how long a unit’s events are added up, such as 1h',
    ],
    [
      'a total that never closes',
      'path: generation.completed.v1/cost, kind: total, direction: lower, window: 24h',
      "canary.yaml:9: metrics.0.window: 24h is not shorter than the deadline of 24h: no unit's window would close in time",
    ],
    [
      'a total of what nobody sends who has none',
      'path: feedback.recorded.v1/rating, kind: total, direction: higher, window: 1h',
      'canary.yaml:9: metrics.0.path: who gives no feedback sends nothing, so totals of 0 would be missing',
    ],
    [
      'a window of what is no total',
      'path: generation.completed.v1/cost, kind: mean, direction: lower, window: 1h',
      'canary.yaml:9: metrics.0.window: only a total has "window"',
    ],
    [
      'no field, where the events themselves are nothing to average',
      'path: generation.completed.v1, kind: mean, direction: lower',
      'canary.yaml:9: metrics.0.path: expected a field of generation.completed.v1: only a total counts the events themselves',
    ],
    [
      'an unknown topic alone',
      'path: generation.completed, kind: total, direction: lower, window: 1h',
      'canary.yaml:9: metrics.0.path: unknown topic "generation.completed"; expected one of: ',
    ],
    [
      'no such quantile',
      'path: generation.completed.v1/cost, kind: p0, direction: lower',
      'canary.yaml:9: metrics.0.kind: ',
    ],
  ])('refuses a metric of its own that reads %s', (_what, metric, message) => {
    const [first] = problemsOf(own(metric));
    expect(first?.slice(0, message.length)).toBe(message);
  });

  it('refuses a second metric of the same name, and a guardrail without any margin', () => {
    const metric = 'path: generation.completed.v1/cost, kind: mean, direction: lower';
    const body = `metrics:
  - { name: alignment, ${metric} }
  - { name: mine, ${metric} }
guardrails: [{ metric: mine }]`;
    expect(problemsOf(file(body))).toEqual([
      'canary.yaml:9: metrics.0.name: there is a metric "alignment" already; choose another name',
      'canary.yaml:11: guardrails.0: the guardrail on "mine" has no margin: expected for example margin: +5%',
    ]);
  });

  it('knows families of metrics, and those that can only be watched', () => {
    const known = [ALIGNMENT, knownAs('quality.*'), knownAs('diversity', { use: 'only-warns' })];
    const spec = parseExperimentFile(
      file('guardrails: [{ metric: quality.clean, margin: -2% }]\nwatch: [diversity, alignment]'),
      'f',
      known,
    );
    expect([spec.guardrails[0]?.metric, spec.watch]).toEqual(['quality.clean', ['diversity', 'alignment']]);
    expect(() => parseExperimentFile(file('guardrails: [{ metric: diversity, margin: -2% }]'), 'f', known)).toThrow(
      'metric "diversity" can only be watched',
    );
    expect(() => parseExperimentFile(file('guardrails: [{ metric: quality., margin: -2% }]'), 'f', known)).toThrow(
      'unknown metric "quality."; expected one of: alignment, quality.*; nearest: quality.*',
    );
  });

  it('refuses an absolute margin where only ratios can be judged, and says where', () => {
    const known = [ALIGNMENT, knownAs('download-rate', { use: 'decides-by-ratio', largestEffect: 1, isShare: true })];
    expect(parseExperimentFile(guarded('-5%'), 'f', known).guardrails[0]?.margin).toEqual({
      kind: 'relative',
      value: 0.05,
    });
    expect(() => parseExperimentFile(guarded('-0.5pp'), 'canary.yaml', known)).toThrow(
      /canary\.yaml:9: guardrails\.0\.margin: "download-rate" is judged by the ratio .* not "-0\.5pp"/,
    );
  });

  it.each([
    ['a canary without guardrails', '', /would promote anything/],
    [
      'a ramp that falls',
      'ramp: [{ weight: 5% }, { weight: 1% }, { weight: 100% }]\nguardrails: [{ metric: alignment, margin: -1% }]',
      /must rise/,
    ],
    [
      'a ramp that never promotes',
      'ramp: [{ weight: 5% }]\nguardrails: [{ metric: alignment, margin: -1% }]',
      /last stage must be 100%/,
    ],
    ['a margin without a sign', 'guardrails: [{ metric: alignment, margin: "1%" }]', /signed margin/],
    ['an unknown field', 'guardrials: []\nguardrails: [{ metric: alignment, margin: -1% }]', /guardrials/],
    ['broken YAML', 'guardrails: [', /^canary\.yaml:\d+/],
  ])('refuses %s', (_what, body, message) => {
    expect(problemsOf(file(body)).join('\n')).toMatch(message);
  });
});

/** A canary that is fine but for `extra` and what `change` does to its text. */
/** Of an audience's rule, in the order they are told. */
const OPERATORS = 'in, notIn, contains, semver, atLeast, above, atMost, below';
const GUARDED = 'guardrails: [{ metric: error-rate, margin: +0.5pp }]';
const problemsIn = (extra: string): string[] => problemsOf(file(`${extra}\n${GUARDED}`));

const sharingAlpha = (alpha: string, weight = ', weight: 3'): string =>
  file(`alpha: ${alpha}
guardrails:
  - { metric: error-rate, margin: +0.5pp${weight} }
  - { metric: alignment, margin: -1% }`);
const specOf = (text: string) => parseExperimentFile(text, 'canary.yaml', metrics);

const specWith = (extra: string) => parseExperimentFile(file(`${extra}\n${GUARDED}`), 'canary.yaml', metrics);

describe('numbers of an experiment file', () => {
  it.each([
    ['1h30m', 5_400_000],
    ['1d12h', 129_600_000],
    ['1m500ms', 60_500],
    ['1.5h', 5_400_000],
  ])('read %s as one duration', (written, deadlineMs) => {
    expect(specWith(`deadline: ${written}`).deadlineMs).toBe(deadlineMs);
  });

  it.each([
    ['holdAtMost: 0s', 'canary.yaml:8: holdAtMost: "0s": expected more than nothing, such as 1h'],
    ['holdAtMost: 0.4ms', 'canary.yaml:8: holdAtMost: "0.4ms": expected more than nothing, such as 1h'],
    ['lostControllerAfter: 50ms', 'canary.yaml:8: lostControllerAfter: "50ms": expected at least 100ms'],
    ['deadline: 0s', 'canary.yaml:8: deadline: "0s": expected more than nothing, such as 1h'],
    ['deadline: 200000000d', 'canary.yaml:8: deadline: expected at most 3650d'],
    [`deadline: ${'9'.repeat(400)}d`, 'canary.yaml:8: deadline: expected at most 3650d'],
    ['deadline: 24', 'canary.yaml:8: deadline: expected a duration such as "500ms", "10m", "24h" or "1h30m"'],
    ['deadline: 30m1h', 'canary.yaml:8: deadline: expected a duration such as "500ms", "10m", "24h" or "1h30m"'],
    ['rope: "{{x}}"', 'canary.yaml:8: rope: expected a percentage such as "5%"'],
    ['episodes: 10', 'canary.yaml:8: episodes: expected "fifth", "off" or how long an episode lasts, such as "10s"'],
    ['baselineUnits: 5', 'canary.yaml:8: baselineUnits: expected at least 20'],
    ['baselineUnits: 50.5', 'canary.yaml:8: baselineUnits: expected a whole number'],
    ['alpha: 0.5', 'canary.yaml:8: alpha: expected less than 0.5'],
    ['unit: visitor', 'canary.yaml:8: unit: expected one of: user, session, request'],
    ['watch: [1]', 'canary.yaml:8: watch.0: expected text, found a number'],
    ['ramp: { auto: { from: 0.00001% } }', 'canary.yaml:8: ramp.auto.from: expected at least 0.0001% and at most 100%'],
    ['ramp: [{ weight: 0.00001% }, { weight: 100% }]', 'canary.yaml:8: ramp.0.weight: weights must rise'],
    ['ramp: [{ weight: 1 }, { weight: 100 }]', 'canary.yaml:8: ramp.0.weight: expected a percentage such as "5%"'],
    ['ramp: often', 'canary.yaml:8: ramp: expected "auto", { auto: { from: 5% } }, or a list of stages'],
    ['ramp: []', 'canary.yaml:8: ramp: expected at least 1 entry'],
    [
      'ramp: { stages: [{ weight: 100% }] }',
      'canary.yaml:8: ramp: expected "auto", { auto: { from: 5% } }, or a list of stages',
    ],
    ['ramp: { atuo: { from: 5% } }', 'canary.yaml:8: ramp.auto: missing: expected a mapping'],
    ['alpha: 0', 'canary.yaml:8: alpha: '],
    ['alpha: 1e-320', 'canary.yaml:8: alpha: '],
    ['alpha: .nan', 'canary.yaml:8: alpha: NaN: expected a finite number'],
    ['baselineUnits: 1e400', 'canary.yaml:8: baselineUnits: Infinity: expected a finite number'],
    ['baselineUnits: -.inf', 'canary.yaml:8: baselineUnits: -Infinity: expected a finite number'],
    ['baselineUnits: 0x0f', 'canary.yaml:8: baselineUnits: '],
    ['baselineUnits: 2026-01-01', 'canary.yaml:8: baselineUnits: expected a number, found text'],
    ['objectives: [{ metric: alignment, weight: 1e300 }]', 'canary.yaml:8: objectives.0.weight: '],
    ['rope: 101%', 'canary.yaml:8: rope: expected at most 100%'],
    [
      'ramp: [{ weight: 10%, atLeast: 48h }, { weight: 100%, atLeast: 48h }]',
      'canary.yaml:8: ramp: the stages take at least 4d, longer than the deadline of 24h',
    ],
    ['deadline: 1h\nholdAtMost: 48h', 'canary.yaml:9: holdAtMost: 48h is longer than the deadline of 1h'],
  ])('%s', (extra, message) => {
    expect(problemsIn(extra)[0]?.slice(0, message.length)).toBe(message);
  });

  it.each([
    ['alpha: { level: 0.5, per: experiment }', 'canary.yaml:8: alpha.level: '],
    ['alpha: { level: 0.05, per: metric }', 'canary.yaml:8: alpha.per: '],
    ['alpha: { level: 0.05 }', 'canary.yaml:8: alpha.per: '],
    ['alpha: { level: 0.05, pro: experiment }', 'canary.yaml:8: alpha.'],
    ['alpha: experiment', 'canary.yaml:8: alpha: expected a number such as 0.05, or { level: 0.05, per: experiment }'],
  ])('refuses %s', (extra, message) => {
    expect(problemsIn(extra)[0]?.slice(0, message.length)).toBe(message);
  });

  it('shares α between the guardrails where the file says so', () => {
    expect(specOf(sharingAlpha('{ level: 0.04, per: experiment }'))).toMatchObject({
      alpha: 0.04,
      alphaPer: 'experiment',
      guardrails: [{ weight: 3 }, {}],
    });
    const usual = specOf(sharingAlpha('0.05', ''));
    expect(usual).not.toHaveProperty('alphaPer');
    expect(usual.guardrails[0]).not.toHaveProperty('weight');
    expect(specOf(sharingAlpha('{ level: 0.05, per: guardrail }', ''))).toEqual(usual);
    expect(problemsOf(sharingAlpha('0.05'))).toEqual([
      expect.stringMatching(
        /^canary.yaml:10: guardrails.0.weight: shares an alpha that is not shared: .*per: experiment/,
      ),
    ]);
    expect(problemsOf(sharingAlpha('{ level: 1e-9, per: experiment }')).join()).toMatch(
      /guardrails.0.weight: leaves "error-rate" less/,
    );
  });

  it('adds an arm of control’s configuration where the baseline is to be equal', () => {
    const usual = specWith('');
    expect(specWith('baseline: control')).toEqual(usual);
    const equal = specWith('baseline: equal');
    expect(equal).toMatchObject({ baseline: 'baseline', control: 'control' });
    expect(equal.variants['baseline']).toEqual(usual.variants['control']);
    expect(candidatesOf(equal)).toEqual(['candidate']);
    expect([comparedWith(usual), comparedWith(equal)]).toEqual(['control', 'baseline']);
    expect(experimentSpec.parse(equal)).toEqual(equal);
    const withUpstream = specWith('baseline: { upstream: "http://127.0.0.1:8002" }').variants['baseline'];
    expect(withUpstream).toEqual({ ...usual.variants['control'], upstream: 'http://127.0.0.1:8002' });
  });

  it.each([
    ['baseline: same', 'canary.yaml:8: baseline: expected control, equal, or { upstream: "http://…" }'],
    ['baseline: { upstream: "localhost:8000" }', 'canary.yaml:8: baseline.upstream: expected a URL with http://'],
  ])('refuses %s', (extra, message) => {
    expect(problemsIn(extra)[0]?.slice(0, message.length)).toBe(message);
  });

  it('has no equal baseline in an ab test, nor beside a variant of that name', () => {
    const text = file(`baseline: equal\n${GUARDED}`);
    const ab = `${text.replace('kind: canary', 'kind: ab')}\nobjectives: [{ metric: alignment }]`;
    expect(problemsOf(ab).join()).toContain('canary.yaml:8: baseline: an ab test has equal arms already');
    expect(problemsOf(text.replace('  candidate:', '  baseline:')).join()).toContain(
      'is the name of the arm that baseline adds',
    );
  });

  it('may hold as long as usual where only the deadline is short', () => {
    expect(problemsIn('deadline: 10m')).toEqual([]);
  });
});

describe('a metric of the experiment’s own', () => {
  it('keeps which events it counts, and where it is cut', () => {
    const text = own(
      'path: generation.completed.v1/cost, kind: mean, direction: lower, where: { config.app: [mobile, web], shadow: false }, cap: p99.5',
    );
    const spec = parseExperimentFile(text, 'canary.yaml', metrics);
    expect(experimentSpec.parse(spec)).toEqual(spec);
    expect(spec.metrics?.[0]).toMatchObject({
      where: { 'config.app': ['mobile', 'web'], shadow: [false] },
      capAt: 0.995,
    });
  });

  it('may be a total of its unit, of a field or of the events themselves', () => {
    const text = file(`metrics:
  - { name: spent, path: generation.completed.v1/cost, kind: total, window: 1h, cap: p99, direction: lower }
  - { name: pictures, path: request.routed.v1, kind: total, window: 30m, where: { outcome: [delivered, cached] }, direction: higher }
guardrails: [{ metric: spent, margin: +5% }, { metric: pictures, margin: -5% }]`);
    const spec = parseExperimentFile(text, 'canary.yaml', metrics);
    expect(experimentSpec.parse(spec)).toEqual(spec);
    expect(spec.metrics).toMatchObject([
      { kind: 'total', path: 'cost', windowMs: 3_600_000, capAt: 0.99 },
      { kind: 'total', path: '*', windowMs: 1_800_000 },
    ]);
    expect(problemsOf(`${text}\nunit: request`)).toContainEqual(
      expect.stringContaining('with unit: request every unit is one request'),
    );
  });

  it('may be a probability, with a margin in percentage points', () => {
    const text = file(
      'metrics: [{ name: busy, path: generation.completed.v1/gpu.utilisation, kind: probability, direction: higher }]\nguardrails: [{ metric: busy, margin: -5pp }]',
    );
    expect(parseExperimentFile(text, 'canary.yaml', metrics).metrics?.[0]).toMatchObject({ kind: 'probability' });
  });
});

const PER_UNIT = [
  ERROR_RATE,
  knownAs('cost-per-image', { direction: 'lower', isPerUnit: true }),
  knownAs('download-rate', { use: 'decides-by-ratio', isPerUnit: true }),
];
const dividing =
  (quotient: string, margin = '+10%') =>
  () =>
    parseExperimentFile(
      file(`quotients: [{ name: q, direction: lower, ${quotient} }]\nguardrails: [{ metric: q, margin: ${margin} }]`),
      'canary.yaml',
      PER_UNIT,
    );

describe('a quotient of two metrics', () => {
  it('may have parts of different topics, and a margin in percent', () => {
    const spec = dividing('of: cost-per-image, per: download-rate')();
    expect(experimentSpec.parse(spec)).toEqual(spec);
    expect(spec.quotients).toMatchObject([{ name: 'q', of: 'cost-per-image', per: 'download-rate' }]);
  });

  it.each([
    ['of: cost-per-image, per: downlod-rate', 'canary.yaml:8: quotients.0.per: unknown metric "downlod-rate"; '],
    [
      'of: error-rate, per: download-rate',
      'canary.yaml:8: quotients.0.of: "error-rate" is nothing of which every unit has an amount',
    ],
    ['of: download-rate, per: download-rate', 'canary.yaml:8: quotients.0.per: "download-rate" per itself is 1'],
    ['of: cost-per-image', 'canary.yaml:8: quotients.0.per: missing: expected text'],
    ['of: q, per: download-rate', 'canary.yaml:8: quotients.0.of: unknown metric "q"; '],
  ])('is refused with its place: %s', (quotient, message) => {
    expect(dividing(quotient)).toThrow(message);
  });

  it('has no margin in a unit', () => {
    expect(dividing('of: cost-per-image, per: download-rate', '"+0.5"')).toThrow(
      /canary\.yaml:9: guardrails\.0\.margin: /,
    );
  });
});

const DELIVERY_RATE = knownAs('delivery-rate', {
  largestEffect: 1,
  isShare: true,
  guardsCanaries: { kind: 'absolute', value: 0.02 },
});
const BLANK_RATE = knownAs('blank-rate', {
  largestEffect: 1,
  isShare: true,
  guardsCanaries: { kind: 'absolute', value: 0.01 },
  guardsWith: 'a-metric-of-pictures',
  isOfPictures: true,
});
const readGuarded = (text: string) => parseExperimentFile(text, 'canary.yaml', [...metrics, DELIVERY_RATE]);
const besideErrors = (guardrails: string) =>
  readGuarded(file(`guardrails: [{ metric: error-rate, margin: +0.5pp }${guardrails}]`));
const DELIVERY_BY_DEFAULT = {
  metric: 'delivery-rate',
  margin: { kind: 'absolute', value: 0.02 },
  rollbackOn: 'beyond-margin',
  byDefault: true,
};

const problemsOfGuardrails = (guardrails: string): string[] => {
  try {
    readGuarded(file(`guardrails: [${guardrails}]`));
    return [];
  } catch (error) {
    return (error as ExperimentFileError).message.split('\n');
  }
};

describe('guardrails that every canary has', () => {
  it('are there without being written, after those that are, and on the wire', () => {
    const spec = besideErrors('');
    expect(spec.guardrails).toEqual([expect.objectContaining({ metric: 'error-rate' }), DELIVERY_BY_DEFAULT]);
    expect(experimentSpec.parse(spec)).toEqual(spec);
  });

  it('are what the file says where it names them', () => {
    const written = besideErrors(', { metric: delivery-rate, margin: -0.5pp, rollbackOn: any-harm }').guardrails[1];
    expect(written).toEqual({
      metric: 'delivery-rate',
      margin: { kind: 'absolute', value: 0.005 },
      rollbackOn: 'any-harm',
    });
    const { byDefault: _unsaid, ...named } = DELIVERY_BY_DEFAULT;
    expect(besideErrors(', { metric: delivery-rate }').guardrails[1]).toEqual(named);
  });

  it('are away where the file turns them off by name, and nowhere else', () => {
    expect(besideErrors(', { metric: delivery-rate, off: true }').guardrails).toEqual([
      expect.objectContaining({ metric: 'error-rate' }),
    ]);
    const usual = '{ metric: error-rate, margin: +0.5pp }';
    expect(problemsOfGuardrails('{ metric: error-rate, off: true }, { metric: alignment, margin: -1% }')[0]).toContain(
      'guardrails.0.off: "error-rate" guards nothing unless it is written: leave the line out',
    );
    expect(problemsOfGuardrails(`${usual}, { metric: delivery-rate, margin: -1pp, off: true }`)[0]).toContain(
      'guardrails.1.margin: "delivery-rate" is turned off',
    );
    expect(problemsOfGuardrails(`${usual}, { metric: delivery-rate, off: false }`)[0]).toContain('guardrails.1.off: ');
    expect(problemsOfGuardrails('{ metric: delivery-rate, off: true }')[0]).toContain('a canary without guardrails');
  });

  it('are beside metrics of pictures those that count what leaves their means', () => {
    const known = [
      ...metrics.filter(({ name }) => name !== 'alignment'),
      BLANK_RATE,
      knownAs('alignment', { isOfPictures: true }),
    ];
    const namesGuarded = (extra: string): string[] =>
      parseExperimentFile(
        file(`guardrails: [{ metric: error-rate, margin: +0.5pp }${extra}]`),
        'canary.yaml',
        known,
      ).guardrails.map(({ metric }) => metric);
    expect(namesGuarded('')).toEqual(['error-rate']);
    expect(namesGuarded(', { metric: alignment, margin: -1% }')).toEqual(['error-rate', 'alignment', 'blank-rate']);
    expect(namesGuarded(', { metric: alignment, margin: -1% }, { metric: blank-rate, off: true }')).toEqual([
      'error-rate',
      'alignment',
    ]);
  });

  it('are of canaries only', () => {
    const ab = file(
      `objectives: [{ metric: alignment }]\nguardrails: [{ metric: error-rate, margin: +0.5pp }]`,
    ).replace('kind: canary', 'kind: ab');
    expect(readGuarded(ab).guardrails.map(({ metric }) => metric)).toEqual(['error-rate']);
  });
});

describe('keys of an experiment file', () => {
  it.each([
    ['guardrials: []', 'guardrials', 'guardrails'],
    ['audience: [{ attribute: country, in: [us], negate: true }]', 'audience.0.negate', ''],
    ['audience: [{ attribute: country, operator: NOT_IN, in: [us] }]', 'audience.0.operator', ''],
    ['ramp: [{ weight: 0%, mirror: 50% }, { weight: 100% }]', 'ramp.0.mirror', ''],
    ['ramp: [{ weight: 5%, aproval: required }, { weight: 100% }]', 'ramp.0.aproval', 'approval'],
    ['ramp: { auto: { from: 5%, too: 10% } }', 'ramp.auto.too', ''],
    ['shadow: { to: candidate, percent: 100% }', 'shadow.to', ''],
    ['objectives: [{ metric: alignment, wieght: 2 }]', 'objectives.0.wieght', 'weight'],
    [
      'metrics: [{ name: p90, path: generation.completed.v1/cost, kind: p90, direction: lower, filters: [{ field: app }] }]',
      'metrics.0.filters',
      '',
    ],
  ])('are refused where nothing has that name: %s', (extra, path, nearest) => {
    const name = path.split('.').at(-1);
    const [problem] = problemsIn(extra);
    expect(problem).toContain(`canary.yaml:8: ${path}: unknown key "${name}"; expected one of: `);
    if (nearest !== '') expect(problem).toMatch(new RegExp(`; nearest: ${nearest}$`));
  });

  it('are refused inside variants, where a weight or a switch would be believed', () => {
    const text = `${file(GUARDED)}`.replace('candidate: {', 'candidate: { weight: 0%, enabled: false, timeout: 30s,');
    expect(problemsOf(text)).toEqual(
      ['weight', 'enabled', 'timeout'].map((key) =>
        expect.stringContaining(
          `canary.yaml:7: variants.candidate.${key}: unknown key "${key}"; expected one of: upstream, config, parameters`,
        ),
      ),
    );
  });

  it('are missed by name', () => {
    expect(problemsOf(file(GUARDED).replace('service: text-to-image\n', ''))).toEqual([
      'canary.yaml:1: service: missing: expected text',
    ]);
  });

  it('name each variant in lower case', () => {
    expect(problemsOf(file(GUARDED).replace('candidate:', 'Candidate:'))[0]).toMatch(
      /^canary\.yaml:7: variants\.Candidate: "Candidate": expected lower-case letters/,
    );
  });

  it('say in every rule of the audience what an attribute has to be', () => {
    const rules = [
      { attribute: 'plan', in: ['free', '1'] },
      { attribute: 'country', notIn: ['de'] },
      { attribute: 'email', contains: ['@faas.com'] },
      { attribute: 'app', semver: '>=2.1.0 <3' },
      { attribute: 'age', atLeast: 18, below: 65.5 },
      { attribute: 'credits', above: 0 },
      {
        any: [
          { attribute: 'type', in: ['insider'] },
          { attribute: 'agent', contains: ['Firefox'] },
        ],
      },
    ];
    const text = file(`${GUARDED}\naudience: ${JSON.stringify(rules)}`);
    const spec = parseExperimentFile(text, 'canary.yaml', metrics);
    expect(spec.audience).toEqual(rules);
    expect(experimentSpec.parse(spec)).toEqual(spec);
  });

  it.each([
    ['{ attribute: plan }', `audience.0: expected one of: ${OPERATORS}`],
    ['{ in: [pro] }', 'audience.0.attribute: missing: expected text'],
    ['{ attribute: plan, notIn: [] }', 'audience.0.notIn: '],
    ['{ attribute: plan, notIn: [3] }', 'audience.0.notIn.0: expected text; a number is written in quotes'],
    ['{ attribute: plan, contains: [""] }', 'audience.0.contains.0: expected text, not ""'],
    [
      '{ attribute: plan, in: [pro], notIn: [free] }',
      `audience.0: expected one of: ${OPERATORS}; found in and notIn: write a rule for each`,
    ],
    ['{ attribute: app, semver: 2.1 }', 'audience.0.semver: expected a range of versions in quotes'],
    ['{ attribute: app, semver: ">=two" }', 'audience.0.semver: ">=two": expected a range of versions such as'],
    ['{ attribute: app, semver: ">=-1.0" }', 'audience.0.semver: ">=-1.0": expected a range of versions such as'],
    ['{ attribute: app, semver: "" }', 'audience.0.semver: "": expected a range of versions such as'],
    ['{ any: [{ attribute: plan, in: [pro] }] }', 'audience.0.any: expected at least two rules'],
    [
      '{ any: [{ attribute: plan, in: [pro] }, { attribute: plan }] }',
      `audience.0.any.1: expected one of: ${OPERATORS}`,
    ],
    [
      '{ attribute: plan, any: [{ attribute: plan, in: [a] }, { attribute: plan, in: [b] }] }',
      'audience.0.attribute: "any" stands alone: write "attribute" as a rule of its own',
    ],
    ['{ any: [{ any: [] }, { attribute: plan, in: [b] }] }', 'audience.0.any.0.any: unknown key "any"'],
    ['{ attribute: age, atleast: 18 }', 'audience.0.atleast: unknown key "atleast"; expected one of: attribute, in,'],
    ['{ attribute: age, ">=": 18 }', 'audience.0.>=: unknown key ">="; expected one of: attribute, in,'],
    ['{ attribute: age, atLeast: "18" }', 'audience.0.atLeast: expected a number such as 18'],
    ['{ attribute: age, atLeast: .nan }', 'audience.0.atLeast: NaN: expected a finite number'],
    ['{ atLeast: 18 }', 'audience.0.attribute: missing: expected text'],
    ['{ attribute: age, atLeast: 65, atMost: 18 }', 'audience.0: no number "age" is at least 65 and at most 18'],
    ['{ attribute: age, above: 18, atMost: 18 }', 'audience.0: no number "age" is above 18 and at most 18'],
    ['{ attribute: age, above: 18, atLeast: 18 }', 'audience.0.above: beside atLeast: expected one of them'],
    ['{ attribute: age, below: 18, atMost: 18 }', 'audience.0.below: beside atMost: expected one of them'],
    [
      '{ attribute: age, atLeast: 18 }, { attribute: age, below: 18 }',
      'audience.1: no number "age" matches this rule and those before it',
    ],
    ['{ attribute: age, atLeast: 18, in: ["20"] }', `audience.0: expected one of: ${OPERATORS}; found in and atLeast`],
    ['{ percent: 20 }', 'audience.0.percent: expected a percentage such as "5%"'],
    ['{ percent: 0% }', 'audience.0.percent: expected at least 0.0001% and at most 100%'],
    ['{ percent: 101% }', 'audience.0.percent: expected at least 0.0001% and at most 100%'],
    ['{ attribute: plan, percent: 20% }', `audience.0: expected one of: ${OPERATORS}`],
    ['{ precent: 20% }', 'audience.0.precent: unknown key "precent"; expected one of: '],
    [
      '{ percent: 20% }, { attribute: plan, in: [pro], percent: 50% }',
      'audience.1.percent: there is a share already, and both draw the same units',
    ],
  ])('mean something in the audience: %s', (rule, message) => {
    expect(problemsIn(`audience: [${rule}]`)[0]).toContain(`canary.yaml:8: ${message}`);
  });

  it('take a share of the audience, of a rule, of one of several rules, or of all of them', () => {
    const rules = `[{ percent: 20% }, { any: [{ attribute: plan, in: [pro], percent: 12.5% }, { percent: 0.0001% }] }]`;
    const spec = parseExperimentFile(file(`${GUARDED}\naudience: ${rules}`), 'canary.yaml', metrics);
    expect(spec.audience).toEqual([
      { percentPpm: 200_000 },
      { any: [{ percentPpm: 125_000, of: { attribute: 'plan', in: ['pro'] } }, { percentPpm: 1 }] },
    ]);
    expect(experimentSpec.parse(spec)).toEqual(spec);
    const several = `[{ any: [{ attribute: age, below: 18 }, { attribute: age, atLeast: 65 }], percent: 100% }]`;
    const ofSeveral = parseExperimentFile(file(`${GUARDED}\naudience: ${several}`), 'canary.yaml', metrics);
    const any = [
      { attribute: 'age', below: 18 },
      { attribute: 'age', atLeast: 65 },
    ];
    expect(ofSeveral.audience).toEqual([{ percentPpm: MILLION, of: { any } }]);
    expect(experimentSpec.parse(ofSeveral)).toEqual(ofSeveral);
  });

  it('name an attribute of the audience once, since a unit has to match every rule', () => {
    expect(problemsIn('audience: [{ attribute: plan, in: [free] }, { attribute: plan, in: [pro] }]')).toEqual([
      'canary.yaml:8: audience.1.attribute: there is a rule for "plan" already, and a unit has to match every rule; list all values in one',
    ]);
  });
});

describe('the upstream of a variant', () => {
  it.each([
    'localhost:8001',
    'grpc://127.0.0.1:8001',
    'mailto:someone@example.org',
    'http:///path',
    'http://:80',
    'http://${HOST}:8000',
    'http://{{ host }}:8000',
    'http://<host>:8000',
    '',
  ])('is no "%s"', (upstream) => {
    expect(problemsOf(file(GUARDED).replace('http://127.0.0.1:8001', upstream))).toEqual([
      'canary.yaml:7: variants.candidate.upstream: expected a URL with http:// or https:// and a host, such as "http://127.0.0.1:8000"',
    ]);
  });
});

describe('a margin', () => {
  const known = [
    ALIGNMENT,
    ERROR_RATE,
    LATENCY,
    knownAs('cost-per-image', { direction: 'lower' }),
    knownAs('rating', { largestEffect: 4 }),
    knownAs('gpu-utilisation', { largestEffect: 1, isShare: true }),
    knownAs('preference', { largestEffect: 0.5, isShare: true }),
    knownAs('gpu-memory', { direction: 'lower', unit: 'MiB' }),
    knownAs('gpu-seconds', { direction: 'lower', unit: 's', floor: 0.001 }),
    knownAs('download-rate', { use: 'decides-by-ratio', largestEffect: 1, isShare: true }),
  ];
  const parsed = (metric: string, margin: string | number): unknown =>
    parseExperimentFile(
      file(`guardrails:\n  - { metric: ${metric}, margin: ${JSON.stringify(margin)} }`),
      'canary.yaml',
      known,
    ).guardrails[0]?.margin;

  it.each([
    ['alignment', '+1%', /higher is better for "alignment", so what is worse has the sign -; expected "-1%"$/],
    ['latency-p95', '-10%', /lower is better for "latency-p95", so what is worse has the sign \+; expected "\+10%"$/],
    ['error-rate', '-0.5pp', /the sign \+; expected "\+0\.5pp"$/],
    ['error-rate', '+5', /can't be worse by more than 1; .* for example \+5pp$/],
    ['error-rate', '+100pp', /can't be worse by more than 1/],
    ['rating', '-5', /can't be worse by more than 4/],
    ['rating', '-4', /can't be worse by more than 4/],
    ['alignment', '-2', /can't be worse by more than 2/],
    ['alignment', '-100%', /to fall to nothing: expected less than 100%/],
    ['gpu-utilisation', '-2', /can't be worse by more than 1/],
    ['preference', '-0.6', /can't be worse by more than 0\.5/],
    ['latency-p95', '+0.5pp', /is no share, so it has no percentage points/],
    ['cost-per-image', '+1pp', /is no share, so it has no percentage points/],
    ['alignment', '-0.0000000000001%', /can never be proven/],
    [
      'error-rate',
      '+0.5',
      /would be 50 percentage points of "error-rate": expected it with its unit, \+0\.5pp, or \+50pp/,
    ],
    ['latency-p95', '+5kg', /"latency-p95" is in ms, not in kg; expected for example \+5%/],
    ['error-rate', '+5ms', /"error-rate" is a share, not in ms; expected for example \+0\.5pp/],
    ['latency-p95', '+5% or -1ms', /the sign \+; expected "\+5% or \+1ms"$/],
    ['latency-p95', '+5% or +1%', /a floor is no percentage/],
    ['latency-p95', '+5ms or +1ms', /only a percentage has a floor/],
    ['latency-p95', '+5% or +0ms', /can never be proven/],
    ['error-rate', '+5% or +100pp', /can't be worse by more than 1/],
    ['download-rate', '-5% or -1pp', /judged by the ratio of both variants' shares, which has no floor/],
    ['latency-p95', `+${'9'.repeat(400)}`, /expected less than/],
  ])('of %s is no %s', (metric, margin, message) => {
    expect(() => parsed(metric, margin)).toThrow(/^canary\.yaml:9: guardrails\.0\.margin: /);
    expect(() => parsed(metric, margin)).toThrow(message);
  });

  it.each([
    ['error-rate', '+50%', { kind: 'relative', value: 0.5 }],
    ['error-rate', 0.02, { kind: 'absolute', value: 0.02 }],
    ['rating', -0.1, { kind: 'absolute', value: 0.1 }],
    ['rating', -1e-7, { kind: 'absolute', value: 1e-7 }],
    ['error-rate', '+50% or +0.1pp', { kind: 'relative', value: 0.5, floor: 0.001 }],
    ['error-rate', '+50pp', { kind: 'absolute', value: 0.5 }],
    ['latency-p95', '+5% or +0.2s', { kind: 'relative', value: 0.05, floor: 200 }],
    ['latency-p95', '+500ms', { kind: 'absolute', value: 500 }],
    ['latency-p95', '+1.5s', { kind: 'absolute', value: 1500 }],
    ['gpu-memory', '+0.5GiB', { kind: 'absolute', value: 512 }],
    ['gpu-seconds', '+5%', { kind: 'relative', value: 0.05, floor: 0.001 }],
    ['gpu-seconds', '+5% or +10ms', { kind: 'relative', value: 0.05, floor: 0.01 }],
    ['error-rate', '+0.02', { kind: 'absolute', value: 0.02 }],
    ['latency-p95', '+150%', { kind: 'relative', value: 1.5 }],
    ['latency-p95', '+500', { kind: 'absolute', value: 500 }],
    ['rating', '-0.1', { kind: 'absolute', value: 0.1 }],
    ['preference', '-5pp', { kind: 'absolute', value: 0.05 }],
  ])('of %s may be %s', (metric, margin, meaning) => {
    expect(parsed(metric, margin)).toEqual(meaning);
  });

  it.each([
    ['kind: mean, direction: higher, bounds: [1, 10], margin: "-9"', /can't be worse by more than 9/],
    ['kind: mean, direction: higher, margin: "+5%"', /the sign -; expected "-5%"$/],
    ['kind: mean, direction: lower, margin: "+1pp"', /is no share/],
    ['kind: mean, direction: lower, unit: ms, margin: "+1GiB"', /is in ms, not in GiB/],
    ['kind: mean, direction: higher, bounds: [-1, 0], margin: "-1%"', /is never above 0 by its bounds/],
  ])('of a metric of its own has to have a meaning, too: %s', (metric, message) => {
    expect(problemsOf(own(`path: generation.completed.v1/cost, ${metric}`))[0]).toMatch(message);
  });
});

describe('an absolute limit', () => {
  const known: readonly KnownMetric[] = [
    knownAs('alignment', { limits: true, range: [-1, 1] }),
    knownAs('error-rate', { direction: 'lower', largestEffect: 1, isShare: true, limits: true, range: [0, 1] }),
    knownAs('latency-p95', { direction: 'lower', unit: 'ms', limits: true }),
    knownAs('wrong-pictures', { direction: 'lower', largestEffect: 1, isShare: true }),
  ];
  const parsed = (limit: string) =>
    parseExperimentFile(
      file(`guardrails:\n  - { metric: alignment, margin: -1% }\n  - { metric: ${limit} }`),
      'canary.yaml',
      known,
    );

  it.each([
    ['error-rate, margin: +0.5pp, atMost: 5%', 'at-most', 0.05],
    ['error-rate, atMost: 0.05', 'at-most', 0.05],
    ['latency-p95, atMost: 2s', 'at-most', 2_000],
    ['latency-p95, atMost: 1500', 'at-most', 1_500],
  ])('is written beside a margin or alone: %s', (written, kind, value) => {
    const { limits, guardrails } = parsed(written);
    expect(limits).toEqual([{ metric: written.split(',')[0], kind, value }]);
    expect(guardrails).toHaveLength(written.includes('margin') ? 2 : 1);
  });

  it.each([
    ['error-rate, atLeast: 5%', 'guardrails.1.atLeast: lower is better for "error-rate", so its limit is atMost: 5%'],
    ['error-rate, atMost: 5', 'guardrails.1.atMost: "5": "error-rate" lies between 0 and 1'],
    [
      'error-rate, atMost: 5ms',
      'guardrails.1.atMost: "5ms": "error-rate" is a share; expected a percentage such as 5%',
    ],
    ['error-rate, atMost: 100%', 'guardrails.1.atMost: "100%": "error-rate" lies between 0 and 1'],
    ['latency-p95, atMost: 5%', 'guardrails.1.atMost: "5%": "latency-p95" is in ms'],
    ['latency-p95, atMost: 0', 'guardrails.1.atMost: a limit of 0 leaves nothing to bet with'],
    ['latency-p95, atMost: soon', 'guardrails.1.atMost: expected an amount such as 5%, 2s, 0.25 or 512MiB'],
    ['wrong-pictures, atMost: 5%', 'guardrails.1.atMost: "wrong-pictures" is judged against control alone'],
  ])('that means nothing is refused: %s', (written, message) => {
    expect(() => parsed(written)).toThrow(`canary.yaml:10: ${message}`);
  });

  it('of a ratio is no 0, whatever its bounds', () => {
    const metric =
      'path: generation.completed.v1/cost, per: config.steps, kind: ratio, direction: lower, bounds: [-1, 1]';
    const text = file(
      `metrics: [{ name: mine, ${metric} }]\nguardrails: [{ metric: error-rate, margin: +0.5pp }, { metric: mine, atMost: 0 }]`,
    );
    expect(() => parseExperimentFile(text, 'canary.yaml', known)).toThrow(
      'canary.yaml:9: guardrails.1.atMost: a limit of 0 leaves nothing to bet with',
    );
  });

  it('alone compares nothing with control', () => {
    const text = file('guardrails: [{ metric: error-rate, atMost: 5% }]');
    expect(() => parseExperimentFile(text, 'canary.yaml', known)).toThrow(
      'canary.yaml:8: guardrails: limits alone compare nothing with control',
    );
  });
});

const GUARDABLE: readonly KnownMetric[] = [
  ALIGNMENT,
  ERROR_RATE,
  LATENCY,
  knownAs('wrong-pictures', { direction: 'lower', largestEffect: 1, isShare: true }),
  knownAs('cost-per-image', { direction: 'lower' }),
  knownAs('rating'),
];

const ab = (body: string) => () =>
  parseExperimentFile(
    file(`objectives: [{ metric: rating }]\n${body}`).replace('kind: canary', 'kind: ab'),
    'canary.yaml',
    GUARDABLE,
  );

const namesOf = (body: string) =>
  parseExperimentFile(file(body), 'canary.yaml', GUARDABLE).guardrails.map(({ metric }) => metric);

describe('guardrails', () => {
  const STANDARD = ['error-rate', 'latency-p95', 'alignment', 'wrong-pictures', 'cost-per-image'];

  it('may be a standard set, alone or beside others, of which one takes the place of its own', () => {
    expect(namesOf('guardrails: standard')).toEqual(STANDARD);
    expect(namesOf('guardrails: [standard, { metric: rating, margin: -0.1 }]')).toEqual([...STANDARD, 'rating']);
    const { guardrails } = parseExperimentFile(
      file('guardrails: [standard, { metric: error-rate, margin: +2pp, rollbackOn: any-harm }]'),
      'f',
      GUARDABLE,
    );
    expect(guardrails.filter(({ metric }) => metric === 'error-rate')).toEqual([
      { metric: 'error-rate', margin: { kind: 'absolute', value: 0.02 }, rollbackOn: 'any-harm' },
    ]);
  });

  it.each([
    ['guardrails: standart', /guardrails: expected "standard", or a list/],
    ['guardrails: [standart]', /guardrails\.0: expected "standard", or a list/],
    ['guardrails: [{ metric: rating, margn: -0.1 }]', /guardrails\.0\.margn: unknown key "margn".*nearest: margin/],
    ['guardrails: []', /guardrails: a canary without guardrails would promote anything: .* "guardrails: standard"/],
  ])('that can’t be meant are refused: %s', (body, words) => {
    expect(() => parseExperimentFile(file(body), 'canary.yaml', GUARDABLE)).toThrow(words);
  });

  it('or an equal split are what an ab test needs to show its candidates to anybody', () => {
    expect(ab('ramp: auto')).toThrow(
      'canary.yaml:1: guardrails: without guardrails nothing proves that more people may see the candidates: the test would stay at 1%. Expected guardrails (such as standard), a ramp of stages with times of their own, or one that begins with 50%, an equal split',
    );
    expect(ab('ramp: [{ weight: 50% }, { weight: 100% }]')).not.toThrow();
    expect(ab('ramp: [{ weight: 2%, atLeast: 10m }, { weight: 100% }]')).not.toThrow();
    expect(ab('guardrails: standard')).not.toThrow();
  });
});

describe('YAML', () => {
  const good = file(GUARDED);
  const nested = '['.repeat(20_000);
  it.each([
    [
      'an alias without its anchor',
      good.replace('"http://127.0.0.1:8001"', '*there'),
      /^canary\.yaml:7: .*"\*there": there is no anchor "&there"/,
    ],
    ['an alias inside what it names', `${good}\naudience: &a [*a]`, /^canary\.yaml:9: .*it would have no end/],
    [
      'aliases that stand for millions of values',
      `${good}\na: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: &d [${'*c,'.repeat(9)}]`,
      /^canary\.yaml:1: .*Excessive alias count/,
    ],
    ['very many aliases', `${good}\na: &a x\nb: [${'*a,'.repeat(200)}]`, /^canary\.yaml:10: .*at most 100 aliases/],
    [
      'a merge of what is no mapping',
      good.replace('audience: []', '').concat('\naudience: [{ <<: 5 }]'),
      /^canary\.yaml:9: .*expected an alias of a mapping/,
    ],
    [
      'a blank that looks like a space',
      good.replace('  control:', '\u00a0 control:'),
      /^canary\.yaml:6: .*a blank that is none \(U\+00A0\): expected plain spaces/,
    ],
    [
      'a time as in a clock',
      `${good}\ndeadline: 24:00:00`,
      /^canary\.yaml:9: deadline: expected a duration such as [^\n]*$/,
    ],
    [
      'a time that is a number',
      `${good}\ndeadline: 86400`,
      /^canary\.yaml:9: deadline: expected a duration such as [^\n]*$/,
    ],
    ['a second document', `${good}\n---\n${good}`, /^canary\.yaml:9: .*a second document begins here/],
    ['an empty second document', `${good}\n---\n`, /^canary\.yaml:9: .*a second document begins here/],
    ['the same key twice', `${good}\nkey: other`, /^canary\.yaml:9: .*this key is there already/],
    ['a tab', good.replace('  control:', '\tcontrol:'), /^canary\.yaml:6: .*a tab: expected spaces/],
    ['another version of YAML', `%YAML 1.1\n---\n${good}`, /"%YAML 1\.1": expected YAML 1\.2/],
    ['a tag', good.replace('key: sdxl-int8', 'key: !!binary c2R4bA=='), /^canary\.yaml:2: .*tag .* is not known/],
    ['a tag of its own', good.replace('key: sdxl-int8', 'key: !secret x'), /^canary\.yaml:2: /],
    ['a key that is a list', `${good}\n? [a]\n: b`, /^canary\.yaml:9: .*a key has to be a plain word/],
    ['the key of all objects', `${good}\n__proto__: { alpha: 1 }`, /^canary\.yaml:9: .*"__proto__" can be no key/],
    ['the key of all objects in JSON', '{"__proto__": {}}', /^canary\.yaml:1: .*"__proto__" can be no key/],
    ['nesting without end', `${good}\naudience: ${nested}`, /^canary\.yaml:\d+: /],
    ['a list', '- 1', /^canary\.yaml:1: .*expected an experiment: a mapping/],
    ['nothing', '', /^canary\.yaml:1: .*expected an experiment: a mapping/],
    ['only a comment', '# later', /^canary\.yaml:1: .*expected an experiment: a mapping/],
    [
      'a NUL character',
      `${good}\naudience: [{ attribute: "a\\0b", in: [x] }]`,
      /^canary\.yaml:9: audience\.0\.attribute: a NUL character/,
    ],
    [
      'a NUL character in a key',
      good.replace('steps: 30', '"st\\0eps": 30, steps: 30'),
      /^canary\.yaml:6: variants\.control\.config: a NUL character/,
    ],
    [
      'half of a surrogate pair',
      `${good}\naudience: [{ attribute: "\\ud800", in: [x] }]`,
      /^canary\.yaml:9: .*half of a surrogate pair/,
    ],
    [
      'an infinite guidance',
      good.replace('steps: 30', 'steps: 30, guidance: .inf'),
      /^canary\.yaml:6: variants\.control\.config\.guidance: Infinity/,
    ],
  ])('with %s is refused with its line', (_what, text, message) => {
    expect(problemsOf(text).join('\n')).toMatch(message);
  });

  it('may have the minus sign of printed numbers in a margin', () => {
    const spec = parseExperimentFile(file('guardrails: [{ metric: alignment, margin: −1% }]'), 'canary.yaml', metrics);
    expect(spec.guardrails[0]?.margin).toEqual({ kind: 'relative', value: 0.01 });
  });

  it('may begin with a byte order mark, and may merge what an anchor names', () => {
    const merged = good
      .replace('config: { checkpoint: a, precision: fp16', 'config: &base { checkpoint: a, precision: fp16')
      .replace(/int8, sampler.*/, 'int8, <<: *base } }')
      .replace('checkpoint: a, precision: int8', 'precision: int8');
    const { variants } = parseExperimentFile(`\ufeff${merged}`, 'f', metrics);
    expect(variants['candidate']?.config).toEqual({ ...variants['control']?.config, precision: 'int8' });
  });
});

/** A file with other variants. */
function feature(variants: string): string {
  return file(GUARDED).replace(/ {2}control: {3}\{.*\n {2}candidate: .*\n/, variants);
}

describe('variants that are parameters', () => {
  it('are told by the flag: no upstream, parameters in what identifies them, and no guardrail on requests', () => {
    const { variants, guardrails } = readGuarded(
      feature(
        '  control: { parameters: { guidance: 7.5 } }\n  candidate: { parameters: { guidance: 5, style: [a, b] } }\n',
      ),
    );
    expect(variants['control']).toEqual({ upstream: NOT_ASKED, config: { parameters: { guidance: 7.5 } } });
    expect(parametersOf(variants['candidate']!.config)).toEqual({ guidance: 5, style: ['a', 'b'] });
    expect(guardrails.map(({ metric }) => metric)).toEqual(['error-rate']);
  });

  it('are all of the variants, or none', () => {
    expect(
      problemsOf(
        feature('  control: { parameters: { guidance: 7.5 } }\n  candidate: { upstream: "http://127.0.0.1:1" }\n'),
      ),
    ).toEqual([
      expect.stringContaining('variants.candidate.parameters: is missing: another variant has parameters'),
      expect.stringContaining('variants.candidate.upstream: stands beside parameters'),
    ]);
    expect(problemsOf(feature('  control: { upstream: "http://127.0.0.1:1" }\n  candidate: {}\n'))).toEqual([
      expect.stringContaining('variants.control.config: is missing'),
      expect.stringContaining('variants.candidate.upstream: is missing'),
      expect.stringContaining('variants.candidate.config: is missing'),
    ]);
  });
});

describe('freeze windows', () => {
  it('are read as minutes of days in a time zone, or as times', () => {
    const lines = [
      '  - { days: [fri, mon], from: "16:00", timeZone: Europe/Berlin }',
      '  - { from: 2026-12-24T00:00:00Z, to: 2026-12-24T01:00:00+01:00 }',
      '  - { days: [sun] }',
    ];
    const problems = problemsIn(['freeze:', ...lines].join('\n'));
    expect(problems).toEqual([
      'canary.yaml:10: freeze.1.to: 2026-12-24T01:00:00+01:00 is not after 2026-12-24T00:00:00Z',
    ]);
    expect(specWith(['freeze:', lines[0], lines[2]].join('\n')).freeze).toEqual([
      { days: [1, 5], fromMinute: 960, toMinute: 1_440, timeZone: 'Europe/Berlin' },
      { days: [0], fromMinute: 0, toMinute: 1_440, timeZone: 'UTC' },
    ]);
    expect(specWith('').freeze).toBeUndefined();
  });

  it.each([
    [
      '{ days: [fri], from: "16:00", to: "09:00" }',
      '09:00 is not after 16:00; what goes on over midnight is two windows',
    ],
    ['{ days: [fri], timeZone: Berlin }', '"Berlin" is no time zone: expected one such as Europe/Berlin'],
    ['{ days: [friday] }', 'expected one of: sun, mon, tue'],
    ['{ days: [fri], from: "25:00" }', 'expected a time of day such as "16:00"'],
  ])('%s is refused', (window, problem) => {
    expect(problemsIn(`freeze: [${window}]`)).toEqual([expect.stringContaining(problem)]);
  });
});

describe('a schedule', () => {
  it('is windows as those of freeze are', () => {
    expect(specWith('schedule: [{ days: [mon], from: "09:00", to: "16:00" }]').schedule).toEqual([
      { days: [1], fromMinute: 540, toMinute: 960, timeZone: 'UTC' },
    ]);
    expect(specWith('').schedule).toBeUndefined();
    expect(problemsIn('schedule: [{ days: [mon], from: "16:00", to: "09:00" }]')).toEqual([
      expect.stringMatching(/^canary\.yaml:8: schedule\.0\.to: 09:00 is not after 16:00/),
    ]);
  });
});

describe('a bake', () => {
  it('is a stage before the last one, under the conditions that the last one has', () => {
    const ramp = 'ramp: [{ weight: 5% }, { weight: 50% }, { weight: 100%, approval: required }]';
    const none = { atLeastMs: 0, atLeastUnits: 0 };
    expect(specWith(`${ramp}\nbake: 24h`).ramp.stages.slice(2)).toEqual([
      { ...none, weightPpm: 990_000, atLeastMs: 86_400_000, approval: 'required', bake: true },
      { ...none, weightPpm: 1_000_000, approval: 'none' },
    ]);
    expect(specWith('bake: { for: 1h, heldBack: 5% }').ramp).toMatchObject({
      kind: 'auto',
      stages: expect.arrayContaining([expect.objectContaining({ weightPpm: 950_000, bake: true })]),
    });
  });

  it('may be longer than the deadline, which waits for it', () => {
    expect(problemsIn('deadline: 12h\nbake: 24h')).toEqual([]);
  });

  it.each([
    ['bake: soon', 'bake: expected a duration such as'],
    ['bake: { for: 1h, heldBack: 0% }', 'bake.heldBack: expected more than 0% and at most 50%'],
    ['bake: { for: 1h, heldBack: 60% }', 'bake.heldBack: expected more than 0% and at most 50%'],
    [
      'ramp: [{ weight: 5% }, { weight: 99% }, { weight: 100% }]\nbake: 1h',
      'bake: leaves control 1%, and the stage before (99%) no more than that',
    ],
    ['mode: shadow\nbake: 1h', 'bake: comes before a promotion, and nothing follows a shadow alone'],
  ])('%s is refused', (text, problem) => {
    expect(problemsIn(text)[0]).toContain(problem);
  });
});

const withDry = (guardrail: string): string =>
  file(`guardrails:\n  - { metric: error-rate, margin: +0.5pp }\n  - { ${guardrail}, dryRun: true }`);

describe('a dry run', () => {
  it('is read as a guardrail and stands apart from those that decide', () => {
    const spec = parseExperimentFile(withDry('metric: alignment, margin: -1%'), 'f', metrics);
    expect(spec.guardrails.map(({ metric }) => metric)).toEqual(['error-rate']);
    expect(spec.dryRun).toEqual([
      { metric: 'alignment', margin: { kind: 'relative', value: 0.01 }, rollbackOn: 'beyond-margin' },
    ]);
    expect(specWith('').dryRun).toBeUndefined();
  });

  it('guards nothing, so that something else has to', () => {
    const alone = file('guardrails: [{ metric: alignment, margin: -1%, dryRun: true }]');
    expect(problemsOf(alone)).toEqual([expect.stringContaining('a canary without guardrails would promote anything')]);
  });

  it.each([
    ['metric: alignment, margin: -1%, weight: 2', 'canary.yaml:10: guardrails.1.weight: decides, and a dry run'],
    ['metric: alignment', 'the guardrail on "alignment" has no margin'],
    ['metric: error-rate, margin: +1pp', 'metric "error-rate" is guarded twice'],
  ])('%s is refused', (guardrail, problem) => {
    expect(problemsOf(withDry(guardrail))).toContainEqual(expect.stringContaining(problem));
  });
});

/** A ramp with gates at its second stage, which is the last one where it says so. */
const withGates = (gates: string, isLast = false): string =>
  `ramp: [{ weight: 1% }, ${isLast ? '' : `{ weight: 50%, gates: ${gates} }, `}{ weight: 100%${isLast ? `, gates: ${gates}` : ''} }]`;

describe('gates of a stage', () => {
  it('are named, before it and after it', () => {
    const { stages } = specWith(withGates('{ before: [load-test], after: [legal, qa] }')).ramp;
    expect(stages.map((stage) => stage.gates)).toEqual([
      undefined,
      { before: ['load-test'], after: ['legal', 'qa'] },
      undefined,
    ]);
  });

  it('of the last stage are asked before the bake, where there is one', () => {
    const { stages } = specWith(`${withGates('{ before: [legal] }', true)}\nbake: 1h`).ramp;
    expect(stages.map((stage) => stage.gates)).toEqual([undefined, { before: ['legal'] }, undefined]);
  });

  it('of an automatic ramp are those of each of its stages, but behind the last', () => {
    const gates = '{ before: [load-test], after: [legal] }';
    const { kind, stages } = specWith(`ramp: { auto: { from: 20%, gates: ${gates} } }`).ramp;
    const both = { before: ['load-test'], after: ['legal'] };
    expect([kind, ...stages.map((stage) => stage.gates)]).toEqual(['auto', both, both, { before: ['load-test'] }]);
    expect(specWith('ramp: { auto: { gates: { after: [legal] } } }').ramp.stages).toMatchObject([
      { weightPpm: 10_000, gates: { after: ['legal'] } },
      ...[20_000, 50_000, 100_000, 200_000, 500_000].map((weightPpm) => ({ weightPpm })),
      { weightPpm: 1_000_000 },
    ]);
    const baked = specWith(`ramp: { auto: { from: 50%, gates: ${gates} } }\nbake: 1h`).ramp.stages;
    expect(baked.map((stage) => stage.gates)).toEqual([both, { before: ['load-test'] }, undefined]);
  });

  it.each([
    ['ramp: { auto: {} }', 'canary.yaml:8: ramp.auto: expected from, gates, or both'],
    ['ramp: { auto: { gates: {} } }', 'canary.yaml:8: ramp.auto.gates: expected before, after, or both'],
    [
      'ramp: { auto: { from: 100%, gates: { after: [qa] } } }',
      'canary.yaml:8: ramp.auto.gates.after: is asked before the next stage, and there is one alone',
    ],
    [withGates('{}'), 'canary.yaml:8: ramp.1.gates: expected before, after, or both'],
    [withGates('{ before: [] }'), 'ramp.1.gates.before: expected at least 1 entry'],
    [withGates('{ before: [qa, qa] }'), 'ramp.1.gates.before: names a gate twice'],
    [withGates('{ during: [qa] }'), 'unknown key "during"'],
    [
      withGates('{ after: [qa] }', true),
      'canary.yaml:8: ramp.1.gates.after: is asked before the next stage, and nothing',
    ],
  ])('%s is refused', (text, problem) => {
    expect(problemsIn(text)).toContainEqual(expect.stringContaining(problem));
  });
});
