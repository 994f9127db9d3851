import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type Analysis, evidenceDesign, type RequestEvent } from './index.js';

const design = evidenceDesign(definition(), 2);

interface Story {
  readonly requests?: number;
  /** Mean of what is told of control's pictures; undefined: nothing is, as before it was. */
  readonly auc: number | undefined;
  /** The same of the candidate's. */
  readonly ofCandidate?: number;
}

function analysed({ requests = 200, auc, ofCandidate = auc }: Story): Analysis {
  const traffic = new SimulatedTraffic(3, { candidate: { alignment: 0.1 } });
  traffic.candidateShare = 0.5;
  const random = simulationRandom(5);
  const told = (event: RequestEvent): RequestEvent => {
    const mean = event.data.assignment?.variant === 'candidate' ? ofCandidate : auc;
    if (event.type !== 'image.scored.v1' || mean === undefined) return event;
    const separation = Math.min(1, Math.max(0, mean + 0.3 * (random.uniform() - 0.5)));
    return { ...event, data: { ...event.data, separation } };
  };
  const events = Array.from({ length: requests }, () => traffic.next().map(told)).flat();
  return analysisOf(design, events, 2);
}

function reasonOf({ metrics }: Analysis, name: string): readonly unknown[] {
  const found = metrics.find(({ metric }) => metric === name);
  return [found?.verdict, found?.reason];
}

describe('a scorer that cannot tell the prompts of control’s pictures apart', () => {
  it('says nothing of alignment, harm included, and everything of what rests on something else', () => {
    const analysis = analysed({ auc: 0.52 });
    expect(reasonOf(analysis, 'alignment')).toEqual(['unmeasurable', 'scorer-blind']);
    expect(reasonOf(analysis, 'wrong-pictures')).toEqual(['unmeasurable', 'scorer-blind']);
    expect(reasonOf(analysis, 'latency-p95')[0]).not.toBe('unmeasurable');
    expect(analysis.health.consistency?.findings).toEqual([
      expect.objectContaining({
        kind: 'scorer-blind',
        factor: expect.closeTo(0.52, 1),
        metrics: ['alignment', 'wrong-pictures'],
      }),
    ]);
  });

  it.each([
    ['it sees', { auc: 0.95 }],
    ['the candidate’s pictures alone show nothing', { auc: 0.95, ofCandidate: 0.5 }],
    ['too few pictures are known', { auc: 0.5, requests: 60 }],
    ['nothing is told', { auc: undefined }],
  ])('is none where %s', (_why, story) => {
    const analysis = analysed(story);
    expect(analysis.health.consistency?.findings.filter(({ kind }) => kind === 'scorer-blind')).toEqual([]);
    expect(reasonOf(analysis, 'alignment')[1]).not.toBe('scorer-blind');
  });
});
