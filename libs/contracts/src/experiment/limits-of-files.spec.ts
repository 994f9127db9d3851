import { describe, expect, it } from 'vitest';
import { isInVersionRange, parseVersionRange, type VersionRange } from './version-range.js';
import { ExperimentFileError } from './file-problems.js';
import { parseExperimentFile } from './file.js';

const metrics = [{ name: 'alignment', direction: 'higher' as const, largestEffect: null, unit: 'cosine' }];
const file = (body: string, config = ''): string => `apiVersion: teststrip/v1
key: sdxl-int8
service: text-to-image
kind: canary
variants:
  control:   { upstream: "http://127.0.0.1:8000", config: { checkpoint: a, precision: fp16, sampler: ddim, steps: 30 } }
  candidate: { upstream: "http://127.0.0.1:8001", config: { checkpoint: a, precision: int8, sampler: ddim, steps: 30${config} } }
${body}`;
const GUARDED = 'guardrails: [{ metric: alignment, margin: -1% }]';

function problemsOf(text: string): {
  readonly told: readonly string[];
  readonly problems: number;
  readonly cpuMs: number;
} {
  const began = process.cpuUsage();
  // Of the processor: by the clock it would be the longer the more the machine does besides.
  const cpuMs = (): number => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1_000;
  };
  try {
    parseExperimentFile(text, 'f', metrics as never);
  } catch (error) {
    if (!(error instanceof ExperimentFileError)) throw error;
    return { told: error.message.split('\n'), problems: error.problems.length, cpuMs: cpuMs() };
  }
  return { told: [], problems: 0, cpuMs: cpuMs() };
}

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

describe('an experiment file that costs more than it says', () => {
  it('has at most 256 KiB', () => {
    const { told } = problemsOf(`# ${'x'.repeat(300_000)}`);
    expect(told).toEqual([expect.stringContaining('expected at most 262144 in an experiment file')]);
  });

  it('has at most 1,000 keys in a mapping, and is refused at once', () => {
    const { told, cpuMs } = problemsOf(file(lines(16_000, (index) => `k${index}: 1`)));
    expect(told).toEqual([expect.stringMatching(/160\d\d keys in one mapping: expected at most 1000/)]);
    // 14 s before the parser was kept from comparing each key with all others.
    expect(cpuMs).toBeLessThan(5_000);
  });

  it('is told the first fifty of its problems, and how many more there are', () => {
    const many = problemsOf(file(lines(900, (index) => `unknown-${index}: 1`)));
    expect(many.problems).toBe(50);
    expect(many.told.at(-1)).toMatch(/^and \d+ more$/);
    const entries = problemsOf(file(`guardrails:\n${lines(2_000, () => '  - { metrik: alignment, margin: -1% }')}`));
    expect(entries.problems).toBe(50);
    expect(entries.cpuMs).toBeLessThan(5_000);
  });

  it.each([
    ['depth', `, x: ${'['.repeat(40)}${']'.repeat(40)}`, 'expected at most 16 levels of lists and mappings'],
    ['size', `, x: "${'x'.repeat(20_000)}"`, 'characters as JSON: expected at most 16384'],
  ])('has configurations of a bounded %s', (_what, config, expected) => {
    expect(problemsOf(file(GUARDED, config)).told).toEqual([expect.stringContaining(expected)]);
  });

  it('asks a hundred parts or rules of one attribute at most', () => {
    const parts = Array.from({ length: 101 }, (_, index) => `p${index}`).join(', ');
    expect(problemsOf(file(`audience: [{ attribute: agent, contains: [${parts}] }]\n${GUARDED}`)).told).toEqual([
      expect.stringContaining('audience.0.contains: expected at most 100 entries'),
    ]);
    const rules = lines(101, (index) => `    - { attribute: v, semver: "^${index}.0.0" }`);
    expect(problemsOf(file(`audience:\n  - any:\n${rules}\n${GUARDED}`)).told).toEqual([
      expect.stringContaining('audience.0.any: expected at most 100 entries'),
    ]);
  });
});

it.each(['http://127.0.0.1:8001\\n/x', 'http://127.0.0.1:8001/a b'])(
  'an address has no blank in it: %s',
  (upstream) => {
    expect(problemsOf(file(GUARDED).replace('http://127.0.0.1:8001', upstream)).told).toEqual([
      expect.stringContaining('variants.candidate.upstream: expected a URL'),
    ]);
  },
);

it('a version of thousands of letters, as a header may hold, lies in no range', () => {
  const range = parseVersionRange('>=1') as VersionRange;
  expect(isInVersionRange(range, `1.2.3-${'a.'.repeat(100)}a`)).toBe(true);
  expect(isInVersionRange(range, `1.2.3-${'a.'.repeat(3_000)}a`)).toBe(null);
});
