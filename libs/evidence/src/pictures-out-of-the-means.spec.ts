import type { Guardrail, ImageScored, MetricAnalysis } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import {
  type Analysis,
  analyse,
  type EvidenceDesign,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  type RequestEvent,
} from './index.js';

const guard = (name: string, value: number): Guardrail => ({
  metric: name,
  margin: { kind: 'absolute', value },
  rollbackOn: 'beyond-margin',
});
const usual = definition().spec.guardrails;
const rates = [guard('blank-rate', 0.01), guard('undecodable-rate', 0.01), guard('flagged-rate', 0.02)];

const NOTHING = { alignment: null, quality: {}, embedding: null } as const;
const BLANK: Partial<ImageScored> = { ...NOTHING, outcome: 'blank', blank: true, blankKind: 'black' };
const BLANK_OF_BEFORE: Partial<ImageScored> = { blank: true, alignment: 0.05 };
const FLAGGED: Partial<ImageScored> = { ...NOTHING, outcome: 'flagged' };

interface Story {
  readonly guardrails?: readonly Guardrail[];
  readonly share?: number;
  readonly requests: number;
  /** What becomes of the candidate's nth picture. */
  readonly candidate: (nth: number) => Partial<ImageScored>;
}

/** Control and a candidate of whose pictures some are not as usual. */
function* eventsOf({ share = 0.5, requests, candidate }: Story): Generator<RequestEvent> {
  const traffic = new SimulatedTraffic(1);
  traffic.candidateShare = share;
  let nth = 0;
  for (let n = 0; n < requests; n += 1) {
    for (const event of traffic.next()) {
      const isOfCandidate = event.type === 'image.scored.v1' && event.data.assignment?.variant === 'candidate';
      const change = isOfCandidate ? candidate(nth++) : {};
      yield { ...event, data: { ...event.data, ...change } } as RequestEvent;
    }
  }
}

function designOf({ guardrails = [...usual, ...rates] }: Story): EvidenceDesign {
  return evidenceDesign(definition({ guardrails: [...guardrails] }), 1);
}

function analysed(story: Story): Analysis {
  return analysisOf(designOf(story), [...eventsOf(story)]);
}

/** How many of the candidate's pictures are not as usual until harm is proven, and by what. */
function untilHarm(story: Story): { readonly pictures: number; readonly by: readonly string[] } {
  const design = designOf(story);
  const evidence = initialEvidence(design);
  let pictures = 0;
  for (const event of eventsOf(story)) {
    foldEvent(evidence, design, event);
    if (event.type !== 'image.scored.v1' || event.data.outcome === 'scored') continue;
    pictures += 1;
    const { metrics } = analyse(evidence, design, Date.parse(event.time));
    const by = metrics.filter(({ verdict }) => verdict === 'harmful').map(({ metric: name }) => name);
    if (by.length > 0) return { pictures, by };
  }
  return { pictures, by: [] };
}

function metric({ metrics }: Analysis, name: string): MetricAnalysis {
  return metrics.find((found) => found.metric === name) as MetricAnalysis;
}

/** One picture in fifty. */
const rarely = (change: Partial<ImageScored>) => (nth: number) => (nth % 50 === 0 ? change : {});
/** All but the first ones. */
const fromSoonOn = (change: Partial<ImageScored>) => (nth: number) => (nth >= 20 ? change : {});

describe('pictures that leave the means', () => {
  it.each([
    ['blank', BLANK],
    ['blank, as told before', BLANK_OF_BEFORE],
  ])('leave alignment, and are counted by their rate: %s', (_what, change) => {
    const analysis = analysed({ requests: 1_000, candidate: rarely(change) });
    const alignment = metric(analysis, 'alignment');
    expect(alignment.estimate.candidate).toBeCloseTo(0.3, 2);
    expect([alignment.withValue, alignment.verdict]).toEqual([{ control: 1, candidate: 1 }, 'undecided']);
    expect(metric(analysis, 'blank-rate').estimate.candidate).toBeCloseTo(0.02, 2);
    expect(metric(analysis, 'wrong-pictures').estimate.candidate).toBeGreaterThan(0.03);
  });

  it('leave alignment when they are flagged', () => {
    const analysis = analysed({ requests: 1_000, candidate: rarely(FLAGGED) });
    expect(metric(analysis, 'alignment').withValue).toEqual({ control: 1, candidate: 1 });
    expect(metric(analysis, 'blank-rate').estimate.candidate).toBe(0);
  });

  it('are missing values where nothing guards their rate', () => {
    const guardrails = usual.filter(({ metric: name }) => name === 'alignment');
    const analysis = analysed({ guardrails, requests: 1_000, candidate: (nth) => (nth % 3 === 0 ? BLANK : {}) });
    expect(metric(analysis, 'alignment')).toMatchObject({ verdict: 'unmeasurable', reason: 'missing-more-often' });
  });

  it.each([0.01, 0.05])('roll a candidate with a share of %d back after at most 4 blank ones', (share) => {
    const { pictures, by } = untilHarm({ share, requests: 5_000, candidate: fromSoonOn(BLANK) });
    expect([by, pictures <= 4]).toEqual([['wrong-pictures'], true]);
  });

  it('do so by their rate alone, too', () => {
    const guardrails = [...usual.filter(({ metric: name }) => name === 'alignment'), ...rates];
    const { pictures, by } = untilHarm({ guardrails, share: 0.05, requests: 2_000, candidate: fromSoonOn(BLANK) });
    expect([by, pictures < 20]).toEqual([['blank-rate'], true]);
  });
});
