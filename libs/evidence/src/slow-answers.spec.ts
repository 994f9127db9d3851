import { describe, expect, it } from 'vitest';
import type { Margin } from '#libs/contracts';
import { definition, foldInto, SimulatedTraffic } from '#libs/testing/traffic';
import { analyse, type Evidence, evidenceDesign, initialEvidence, mergeEvidence, type RequestEvent } from './index.js';

const PICTURE_MS = 10_000;
const FAILURE_MS = 20;
const SHARE = 0.2;

/** Requests in the order in which they end: failures at once, pictures after many seconds. */
function inOrderOfTheirEnds(requests: number, candidate: { readonly errorRate: number; readonly times: number }) {
  const errorRate = 0.03;
  const traffic = new SimulatedTraffic(3, { control: { errorRate }, candidate });
  traffic.candidateShare = SHARE;
  const ends = Array.from({ length: requests }, () => {
    const { data, ...event } = traffic.next()[0] as RequestEvent & { readonly type: 'request.routed.v1' };
    const isFailed = data.outcome !== 'delivered';
    const times = data.assignment?.variant === 'candidate' ? candidate.times : 1;
    const durationMs = isFailed ? FAILURE_MS : PICTURE_MS * times;
    const atMs = Date.parse(data.startedAt) + durationMs;
    return {
      atMs,
      event: {
        ...event,
        time: new Date(atMs).toISOString(),
        data: { ...data, durationMs: isFailed ? null : durationMs },
      },
    };
  });
  return ends.toSorted((a, b) => a.atMs - b.atMs);
}

type Candidate = Parameters<typeof inOrderOfTheirEnds>[1];

const guardrailsOf = (margin: Margin) =>
  [
    { metric: 'error-rate', margin: { kind: 'absolute', value: 0.005 }, rollbackOn: 'beyond-margin' },
    { metric: 'delivery-rate', margin, rollbackOn: 'beyond-margin' },
  ] as const;

/** After how many of the candidate's requests were known an analysis was so; null: never. */
function soAfter(
  candidate: Candidate,
  requests: number,
  isSo: (analysis: ReturnType<typeof analyse>) => boolean,
  margin: Margin = { kind: 'absolute', value: 0.02 },
): number | null {
  const design = evidenceDesign(definition({ unit: 'request', guardrails: [...guardrailsOf(margin)] }), 1);
  const parts = new Map<string, Evidence>();
  let known = 0;
  for (const [index, { event, atMs }] of inOrderOfTheirEnds(requests, candidate).entries()) {
    foldInto(parts, design, { event }, 1);
    if (event.data.assignment?.variant === 'candidate') known += 1;
    if (index % 10 !== 0) continue;
    const analysis = analyse([...parts.values()].reduce(mergeEvidence, initialEvidence(design)), design, atMs);
    if (isSo(analysis)) return known;
  }
  return null;
}

/** Of whichever guardrail: when it is harmful. */
function harmfulAfter(candidate: Candidate, requests: number): number | null {
  return soAfter(candidate, requests, ({ metrics }) => metrics.some(({ verdict }) => verdict === 'harmful'));
}

function isDeliverySafe({ metrics }: ReturnType<typeof analyse>): boolean {
  const { verdict } = metrics.find(({ metric }) => metric === 'delivery-rate') ?? {};
  return verdict === 'non-inferior' || verdict === 'superior';
}

/** When it is proven that as many pictures are delivered. */
function safeAfter(candidate: Candidate, requests: number, margin?: Margin): number | null {
  return soAfter(candidate, requests, isDeliverySafe, margin);
}

describe('where a picture takes ten seconds and a failure none', () => {
  it('a candidate that is slower is not called worse for the pictures that are still awaited', () => {
    // By the rates of what has ended it is, after its sixth failure: control's first pictures come before its own.
    for (const times of [1, 1.2, 1.5, 3]) expect(harmfulAfter({ errorRate: 0.03, times }, 2_400)).toBeNull();
  });

  it('one that fails always, or far more often, is found while the first pictures are awaited', () => {
    expect(harmfulAfter({ errorRate: 1, times: 1 }, 500)).toBeLessThanOrEqual(10);
    expect(harmfulAfter({ errorRate: 0.5, times: 1.5 }, 1_000)).toBeLessThanOrEqual(40);
  });

  it('one that answers sooner is not proven by the pictures of control that are still awaited', () => {
    // What was bet on in control's first ten seconds proved each of them after 25 to 41 requests, whatever it failed.
    for (const times of [0.8, 0.3]) {
      expect(safeAfter({ errorRate: 0.08, times }, 4_000)).toBeNull();
      const equal = safeAfter({ errorRate: 0.03, times }, 15_500);
      expect(equal).toBeGreaterThan(1_000);
      expect(equal).toBeLessThan(3_100);
    }
    expect(safeAfter({ errorRate: 0.08, times: 0.3 }, 4_000, { kind: 'relative', value: 0.02 })).toBeNull();
  });
});
