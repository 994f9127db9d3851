import { describe, expect, it } from 'vitest';
import { ExperimentFileError, experimentSpec, parseExperimentFile, type KnownMetric } from '../index.js';

const metrics: readonly KnownMetric[] = [
  { name: 'alignment', use: 'decides', direction: 'higher', largestEffect: 2, isShare: false },
  {
    name: 'download-rate',
    use: 'decides-by-ratio',
    direction: 'higher',
    largestEffect: 1,
    isShare: true,
    isUnpaired: true,
  },
  { name: 'foreseen', use: 'decides', direction: 'higher', largestEffect: 0.5, isShare: true, isOfPairsAlone: true },
];
const ALIGNMENT = '{ metric: alignment, margin: -1% }';
const DOWNLOADS = '{ metric: download-rate, margin: -5% }';
const FORESEEN = '{ metric: foreseen, margin: -5pp }';
const file = (shadow: string, guardrails = ALIGNMENT, kind = 'canary'): string => `apiVersion: teststrip/v1
key: sdxl-int8
service: text-to-image
kind: ${kind}
variants:
  control:   { upstream: "http://127.0.0.1:8000", config: { checkpoint: a, precision: fp16, sampler: ddim, steps: 30 } }
  candidate: { upstream: "http://127.0.0.1:8001", config: { checkpoint: a, precision: int8, sampler: ddim, steps: 30 } }
guardrails: [${guardrails}]
${kind === 'ab' ? 'objectives: [{ metric: alignment }]' : ''}
${shadow}`;
const shadowOf = (...written: Parameters<typeof file>) => {
  const spec = parseExperimentFile(file(...written), 'canary.yaml', metrics);
  expect(experimentSpec.parse(spec)).toEqual(spec);
  return spec.shadow;
};
const problemOf = (...written: Parameters<typeof file>): string | undefined => {
  try {
    parseExperimentFile(file(...written), 'canary.yaml', metrics);
  } catch (error) {
    if (error instanceof ExperimentFileError) return error.message;
    throw error;
  }
  return undefined;
};

describe('the shadow of an experiment file', () => {
  it('is none where none is written', () => {
    expect(shadowOf('ramp: auto')).toBeUndefined();
  });

  it('has 350 pairs, a tenth of the requests and four copies at a time, unless it says otherwise', () => {
    expect(shadowOf('shadow: {}')).toEqual({ pairs: 350, ratePpm: 100_000, concurrency: 4 });
    expect(shadowOf('shadow: { pairs: 700, rate: 2.5%, concurrency: 16 }')).toEqual({
      pairs: 700,
      ratePpm: 25_000,
      concurrency: 16,
    });
  });

  it('may say where requests take a seed', () => {
    expect(shadowOf('shadow: { seed: parameters.seed }')).toMatchObject({ seed: 'parameters.seed' });
  });

  it('may be all there is', () => {
    expect(shadowOf('mode: shadow')).toEqual({ pairs: 350, ratePpm: 100_000, concurrency: 4, only: true });
    expect(shadowOf('mode: shadow\nshadow: { pairs: 50 }')).toMatchObject({ pairs: 50, only: true });
  });

  it.each([
    ['shadow: { rate: 0% }', 'canary.yaml:10: shadow.rate: expected at least 0.0001% and at most 100%'],
    ['shadow: { rate: 101% }', 'canary.yaml:10: shadow.rate: expected at least 0.0001% and at most 100%'],
    ['shadow: { rate: 0.1 }', 'canary.yaml:10: shadow.rate: expected a percentage such as "5%"'],
    [
      'shadow: { seed: "images[0].seed" }',
      'canary.yaml:10: shadow.seed: expected the name of a field of the JSON body, such as seed or parameters.seed',
    ],
    [
      'shadow: {}\nbaseline: equal',
      'canary.yaml:10: shadow: pairs are compared with control’s requests, and an equal baseline has none in the shadow',
    ],
    ['shadow: { pairs: 0 }', 'canary.yaml:10: shadow.pairs: expected at least 1'],
    ['shadow: { par: 100 }', 'canary.yaml:10: shadow.par: unknown key "par"'],
    ['mode: mirror', 'canary.yaml:10: mode: '],
  ])('is refused as %s, with its place', (written, problem) => {
    expect(problemOf(written)).toContain(problem);
  });

  it('is a canary’s', () => {
    expect(problemOf('shadow: {}', ALIGNMENT, 'ab')).toBe(
      'canary.yaml:10: shadow: the arms of an ab test are served from the start: a shadow takes kind: canary',
    );
  });

  it('is needed by what pairs alone judge', () => {
    expect(shadowOf('shadow: {}', `${ALIGNMENT}, ${FORESEEN}`)).toBeDefined();
    const why = '"foreseen" is judged by pairs of shadow traffic alone: expected "shadow: {}" in the file of a canary';
    expect(problemOf('ramp: auto', `${ALIGNMENT}, ${FORESEEN}`)).toBe(`canary.yaml:8: guardrails: ${why}`);
    expect(problemOf('objectives: [{ metric: foreseen }]', ALIGNMENT)).toBe(`canary.yaml:10: objectives: ${why}`);
  });

  it('needs a guardrail that pairs judge, alone all of them', () => {
    expect(problemOf('shadow: {}', DOWNLOADS)).toBe(
      'canary.yaml:10: shadow: nobody sees the copies of a shadow, so its pairs say nothing of download-rate: expected a guardrail that they do judge, such as error-rate, or no shadow',
    );
    expect(shadowOf('shadow: {}', `${ALIGNMENT}, ${DOWNLOADS}`)).toBeDefined();
    expect(problemOf('mode: shadow', `${ALIGNMENT}, ${DOWNLOADS}`)).toBe(
      'canary.yaml:10: mode: nobody sees the copies of a shadow, so its pairs say nothing of download-rate, and a shadow alone would never pass: expected a ramp after it, or other guardrails',
    );
  });
});
