import { describe, expect, it } from 'vitest';
import { experimentSpec, parseExperimentFile } from '../index.js';

const METRIC = { name: 'error-rate', use: 'decides', direction: 'lower', largestEffect: 1, isShare: true } as const;

function specOf(line: string) {
  const text = `apiVersion: teststrip/v1
key: exp
service: text-to-image
kind: canary
variants:
  control:   { upstream: "http://127.0.0.1:8000", config: { checkpoint: a, precision: fp16, sampler: ddim, steps: 30 } }
  candidate: { upstream: "http://127.0.0.1:8001", config: { checkpoint: a, precision: int8, sampler: ddim, steps: 30 } }
guardrails: [{ metric: error-rate, margin: +0.5pp }]
${line}`;
  return experimentSpec.parse(parseExperimentFile(text, 'canary.yaml', [METRIC]));
}

describe('warmUp in the experiment file', () => {
  it('says how many requests a start takes, or how long', () => {
    expect(specOf('warmUp: { requests: 5 }').warmUp).toEqual({ requests: 5, forMs: 60_000 });
    expect(specOf('warmUp: { for: 2m }').warmUp).toEqual({ requests: 20, forMs: 120_000 });
    expect(specOf('warmUp: off').warmUp).toBe('off');
  });

  it('is its default where nothing is said, which makes no other revision', () => {
    for (const line of ['', 'warmUp: {}', 'warmUp: { requests: 20, for: 60s }', 'warmUp: { for: 1m }'])
      expect(specOf(line)).toEqual(specOf(''));
    expect(specOf('')).not.toHaveProperty('warmUp');
  });

  it.each([
    ['20', 'expected off, or how long a start takes, such as { requests: 20, for: 60s }'],
    ['never', 'expected off, or how long a start takes, such as { requests: 20, for: 60s }'],
    ['{ request: 20 }', 'unknown key "request"; expected one of: requests, for; nearest: requests'],
    ['{ requests: 0 }', 'expected at least 1'],
    ['{ requests: 2.5 }', 'expected a whole number'],
    ['{ for: soon }', 'expected a duration such as "500ms", "10m", "24h" or "1h30m"'],
    ['{ for: 0s }', '"0s": expected more than nothing'],
  ])('refuses %s, with its line', (written, expected) => {
    expect(() => specOf(`warmUp: ${written}`)).toThrow(expected);
    expect(() => specOf(`warmUp: ${written}`)).toThrow('canary.yaml:9');
  });
});
