import { describe, expect, it } from 'vitest';
import type { AnalysisHealth, ConsistencyFinding } from '#libs/contracts';
import { COVERAGE_GAP, HEALTHY, SCORES_SILENT, SPLIT_IS_OFF } from '#libs/testing/delivery';
import type { HoldCause } from '../events.js';
import { causesInWords, holdMessage, reportsWarning, findingsInWords } from './trust.js';

const NOTHING_NAMED = { judged: 'the candidate', unmeasurable: [], beyond: [] };

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
        judged: 'the candidate',
        unmeasurable: ['alignment (scores of two scorer versions can’t be compared)'],
        beyond: ['error-rate of candidate is 9 %; at most 5 % is allowed'],
      }),
    ).toBe(`Cannot judge the candidate: ${words}. The shares stay as they are; proven harm still rolls back.`);
  });

  const about = { field: null, factor: null, expected: null, found: null, metrics: ['cost-per-image'] };
  it.each<readonly [ConsistencyFinding, string]>([
    [
      {
        ...about,
        kind: 'unit-of-measure',
        variant: 'candidate',
        field: 'timings.inferenceMs',
        factor: 0.001,
        metrics: ['inference-latency-p95'],
      },
      'candidate reports timings.inferenceMs at about 1/1000 of what the router’s times and the other variants make plausible, so inference-latency-p95 cannot be compared (seconds for milliseconds?). Mend its telemetry; what was counted meanwhile is only forgotten by a new revision',
    ],
    [
      { ...about, kind: 'unit-of-measure', variant: 'candidate', field: 'cost', factor: 100 },
      'candidate reports cost at about 100 times what the router’s times and the other variants make plausible, so cost-per-image cannot be compared (another unit of measure?). Mend its telemetry; what was counted meanwhile is only forgotten by a new revision',
    ],
    [
      { ...about, kind: 'unit-of-measure', variant: 'candidate', field: 'cost', factor: 0 },
      'candidate reports cost as 0 throughout, and others do not, so cost-per-image cannot be compared (not measured?). Report nothing where nothing is measured; what was counted meanwhile is only forgotten by a new revision',
    ],
    [
      { ...about, kind: 'unit-of-measure', variant: 'candidate', field: 'images.flagged', factor: 0 },
      'candidate says of none of its pictures whether a safety checker passed it, and others do, so flagged-rate cannot be compared. Report `flagged: false` of pictures that were checked, in every variant; what was counted meanwhile is only forgotten by a new revision',
    ],
    [
      { ...about, kind: 'scorer-blind', variant: 'control', field: 'alignment', factor: 0.53, metrics: ['alignment'] },
      'the scorer cannot tell what these pictures show: their own prompts fit them better than those of other pictures in 53 % of the comparisons, chance is 50 %, so alignment says nothing. Score with a model that knows such pictures (SCORER_MODEL_DIR) in a new revision, or guard by something else',
    ],
    [
      { ...about, kind: 'another-configuration', variant: 'candidate', expected: 'b', found: 'a' },
      'candidate answers with the configuration a, the experiment declares b. Deploy what it declares, or declare what runs, and start a new revision',
    ],
    [
      { ...about, kind: 'another-configuration', variant: 'candidate', found: 'x' },
      'candidate answers with the configuration of control (fingerprint x). Deploy what the experiment declares, then start a new revision',
    ],
    [
      { ...about, kind: 'configuration-changed', variant: 'candidate', expected: 'b', found: 'c' },
      'candidate was changed in the middle of the experiment (fingerprint b, then c), so the evidence is of two configurations. Start a new revision for the one that is meant',
    ],
    [
      {
        ...about,
        kind: 'scorer-changed',
        variant: 'control',
        expected: `${'0'.repeat(64)}/1`,
        found: `${'f'.repeat(64)}/1`,
      },
      'the scorer was changed in the middle of the experiment (00000000…/1, then ffffffff…/1), and scores of two cannot be compared. Bring the former back, or start a new revision',
    ],
  ])('inconsistent-reports: %j', (finding, words) => {
    const health: AnalysisHealth = { ...HEALTHY, consistency: { status: 'inconsistent', findings: [finding] } };
    expect(holdMessage(['inconsistent-reports'], health, NOTHING_NAMED)).toBe(
      `Cannot judge the candidate: ${words}. The shares stay as they are; proven harm still rolls back.`,
    );
    const idle = { ...finding, metrics: [] };
    expect(reportsWarning([idle])).toMatch(/^No guardrail rests on it, but it cannot be right: /);
    expect(
      holdMessage(
        ['inconsistent-reports'],
        { ...health, consistency: { status: 'inconsistent', findings: [idle] } },
        NOTHING_NAMED,
      ),
    ).not.toContain(words);
  });

  it('tells fields of one variant in the same wrong unit in one sentence, others each in its own', () => {
    const seconds = { ...about, kind: 'unit-of-measure', variant: 'candidate', factor: 0.001 } as const;
    const told = findingsInWords([
      { ...seconds, field: 'timings.totalMs', metrics: [] },
      { ...seconds, field: 'timings.inferenceMs', metrics: ['inference-latency-p95'] },
      { ...seconds, field: 'cost', factor: 100 },
      { ...seconds, variant: 'control', field: 'timings.totalMs' },
    ]);
    expect(told).toHaveLength(3);
    expect(told[0]).toContain('timings.totalMs and timings.inferenceMs at about 1/1000');
    expect(told[0]).toContain('so inference-latency-p95 cannot be compared');
  });

  it('names several causes in one sentence', () => {
    expect(causesInWords(['scores-silent', 'analysis-silent'])).toBe('a silent scorer and missing analyses');
  });
});
