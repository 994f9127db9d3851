import { describe, expect, it } from 'vitest';
import { ExperimentFileError, experimentSpec, parseExperimentFile } from './index.js';

const metrics = ['alignment', 'error-rate'];
const file = (body: string): string => `apiVersion: teststrip/v1
key: sdxl-int8
service: text-to-image
kind: canary
variants:
  control:   { upstream: "http://127.0.0.1:8000", config: { checkpoint: a, precision: fp16, sampler: ddim, steps: 30 } }
  candidate: { upstream: "http://127.0.0.1:8001", config: { checkpoint: a, precision: int8, sampler: ddim, steps: 30 } }
${body}`;

const problemsOf = (text: string): string[] => {
  try {
    parseExperimentFile(text, 'canary.yaml', metrics);
  } catch (error) {
    if (error instanceof ExperimentFileError) return error.message.split('\n');
    throw error;
  }
  return [];
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

  it('climbs the ladder from the first share by itself with ramp: auto', () => {
    const guardrails = 'guardrails: [{ metric: alignment, margin: -1% }]';
    const weights = (ramp: string): number[] =>
      parseExperimentFile(file(`${ramp}\n${guardrails}`), 'f', metrics).ramp.stages.map(({ weightPpm }) => weightPpm);
    expect(weights('ramp: auto')).toEqual([10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]);
    expect(weights('ramp: { auto: { from: 5% } }')).toEqual([50_000, 100_000, 200_000, 500_000, 1_000_000]);
  });

  it('names file, line and expectation of a misspelt metric', () => {
    expect(problemsOf(file('guardrails:\n  - { metric: aligment, margin: -1% }'))).toEqual([
      'canary.yaml:9: guardrails.0.metric: unknown metric "aligment"; expected one of: alignment, error-rate',
    ]);
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
