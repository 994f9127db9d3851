import { describe, expect, it } from 'vitest';
import type { AnalysisHealth } from '#libs/contracts';
import { COVERAGE_GAP, HEALTHY, SCORES_SILENT, SPLIT_IS_OFF } from '#libs/testing/delivery';
import type { HoldCause } from '../events.js';
import { causesInWords, holdMessage } from './trust.js';

describe('why a ramp is held', () => {
  it.each<readonly [HoldCause, AnalysisHealth, string]>([
    [
      'sample-ratio-mismatch',
      SPLIT_IS_OFF,
      'the split is not the ordered one (control 990, candidate 10 units; ordered were control 990, candidate 10; ln E 9)',
    ],
    [
      'coverage-gap',
      COVERAGE_GAP,
      'one variant misses more scores than the other (scored: control 99.8 %, candidate 100 %; ln E −0.4)',
    ],
    [
      'scores-silent',
      SCORES_SILENT,
      'the scorer is silent (last score 2026-11-20T10:15:30.980Z, last request 2026-11-20T10:15:30.990Z)',
    ],
    [
      'telemetry-silent',
      HEALTHY,
      'the inference services report nothing (last generation 2026-11-20T10:15:30.970Z, last request 2026-11-20T10:15:30.990Z)',
    ],
    [
      'unmeasurable-guardrail',
      HEALTHY,
      'no measurement of alignment (scores of two scorer versions can’t be compared)',
    ],
    [
      'limit-exceeded',
      HEALTHY,
      'error-rate of candidate is 9 %; at most 5 % is allowed, and control is not proven within either',
    ],
  ])('%s: with its numbers', (cause, health, words) => {
    expect(
      holdMessage([cause], health, {
        unmeasurable: ['alignment (scores of two scorer versions can’t be compared)'],
        beyond: ['error-rate of candidate is 9 %; at most 5 % is allowed'],
      }),
    ).toBe(`Cannot judge the candidate: ${words}. The shares stay as they are; proven harm still rolls back.`);
  });

  it('names several causes in one sentence', () => {
    expect(causesInWords(['scores-silent', 'analysis-silent'])).toBe('a silent scorer and missing analyses');
  });
});
