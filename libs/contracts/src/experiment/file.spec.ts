import { describe, expect, it } from 'vitest';
import { ExperimentFileError, experimentSpec, parseExperimentFile } from '../index.js';

const metrics = ['alignment', 'error-rate'];
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

const guarded = (margin: string): string => file(`guardrails:\n  - { metric: download-rate, margin: ${margin} }`);

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
    const known = ['alignment', 'quality.*', 'diversity (watch)'];
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
    const known = ['alignment', 'download-rate (relative)'];
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
