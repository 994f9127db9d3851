import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ExperimentFileError,
  experimentSpec,
  type KnownMetric,
  parseExperiment,
  parseExperimentFile,
} from '../index.js';

const known: readonly KnownMetric[] = [
  {
    name: 'alignment',
    use: 'decides',
    direction: 'higher',
    largestEffect: 2,
    isShare: false,
    limits: true,
    floor: 0.001,
  },
  {
    name: 'error-rate',
    use: 'decides',
    direction: 'lower',
    largestEffect: 1,
    isShare: true,
    limits: true,
    range: [0, 1],
  },
  {
    name: 'latency-p95',
    use: 'decides',
    direction: 'lower',
    largestEffect: null,
    isShare: false,
    unit: 'ms',
    limits: true,
  },
  { name: 'wrong-pictures', use: 'decides', direction: 'lower', largestEffect: 1, isShare: true },
  { name: 'cost-per-image', use: 'decides', direction: 'lower', largestEffect: null, isShare: false },
  { name: 'download-rate', use: 'decides-by-ratio', direction: 'higher', largestEffect: 1, isShare: true },
];

const GOOD = `apiVersion: teststrip/v1
key: sdxl-int8
service: text-to-image
kind: canary
variants:
  control:   { upstream: "http://127.0.0.1:8000", config: { checkpoint: a, precision: fp16, sampler: ddim, steps: 30 } }
  candidate: { upstream: "http://127.0.0.1:8001", config: { checkpoint: a, precision: int8, sampler: ddim, steps: 30 } }
audience: [{ attribute: plan, in: [free, pro] }]
ramp: [{ weight: 1%, atLeast: 10m }, { weight: 100%, approval: required }]
metrics: [{ name: mine, path: generation.completed.v1/cost, kind: mean, direction: lower, margin: +5% }]
guardrails:
  - standard
  - { metric: error-rate, margin: +0.5pp, atMost: 5% }
  - { metric: latency-p95, margin: +10% or +1ms }
  - { metric: mine }
objectives: [{ metric: alignment, weight: 2 }]
alpha: 0.05
deadline: 24h
`;

/** What people and programs put where something else was meant. */
const pieces = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom(
    '&a',
    '*a',
    '<<: *a',
    '---',
    '\n',
    '\t',
    '[',
    ']',
    '{',
    '}',
    ':',
    ',',
    '"',
    '%',
    '+',
    '-5%',
    '1e999',
    '.nan',
    'null',
    '~',
    '!!x',
    '\0',
    '\ufeff',
    '\ud800',
    '? ',
    '| ',
    '__proto__',
    '0x1f',
    '-0',
    'or +1ms',
    '5GiB',
  ),
);
const edits = fc.array(fc.record({ at: fc.nat(GOOD.length), remove: fc.nat(12), insert: pieces }), {
  minLength: 1,
  maxLength: 4,
});

/** A file is either an experiment that everybody else can read, or refused with problems that each have a place and words. */
function isReadOrRefused(read: () => unknown): void {
  try {
    expect(experimentSpec.safeParse(read()).success).toBe(true);
  } catch (error) {
    if (!(error instanceof ExperimentFileError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const { line, message } of error.problems) {
      expect(Number.isInteger(line)).toBe(true);
      expect(message).not.toBe('');
    }
  }
}

describe('whatever is written', () => {
  it('is good to begin with', () => {
    const { guardrails, limits } = parseExperimentFile(GOOD, 'f', known);
    expect(guardrails.map(({ metric }) => metric)).toEqual([
      'alignment',
      'wrong-pictures',
      'cost-per-image',
      'error-rate',
      'latency-p95',
      'mine',
    ]);
    expect(limits).toHaveLength(1);
  });

  it('is read, or refused with a place and words: a file with a few wrong letters', () => {
    fc.assert(
      fc.property(edits, (changes) => {
        const text = changes.reduce(
          (now, { at, remove, insert }) => now.slice(0, at) + insert + now.slice(at + remove),
          GOOD,
        );
        isReadOrRefused(() => parseExperimentFile(text, 'f', known));
      }),
      { numRuns: 60, seed: 1, interruptAfterTimeLimit: 800 },
    );
  });

  it('is read, or refused with a place and words: any margin and limit', () => {
    const amounts = fc.oneof(
      fc.stringMatching(/^[+-]?\d{0,4}(\.\d{1,3})?(%|pp|ms|s|GiB|kg)?( or [+-]?\d{0,3}(ms|pp|%)?)?$/),
      fc.double(),
      fc.constantFrom(null, true, [], {}, ''),
    );
    const guardrails = fc.array(
      fc.record(
        {
          metric: fc.constantFrom(...known.map(({ name }) => name), 'nothing'),
          margin: amounts,
          atMost: amounts,
          atLeast: amounts,
        },
        { requiredKeys: ['metric'] },
      ),
      { maxLength: 3 },
    );
    const variant = {
      upstream: 'http://127.0.0.1:1',
      config: { checkpoint: 'a', precision: 'fp16', sampler: 'ddim', steps: 1 },
    };
    const rest = {
      apiVersion: 'teststrip/v1',
      key: 'k',
      service: 's',
      kind: 'canary',
      variants: { control: variant, candidate: variant },
    };
    fc.assert(
      fc.property(guardrails, (written) =>
        isReadOrRefused(() => parseExperiment({ ...rest, guardrails: written }, known)),
      ),
      { numRuns: 60, seed: 1, interruptAfterTimeLimit: 800 },
    );
  });

  it('is read, or refused with a place and words: any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => isReadOrRefused(() => parseExperiment(value, known))),
      { numRuns: 50, seed: 1, interruptAfterTimeLimit: 400 },
    );
  });
});
