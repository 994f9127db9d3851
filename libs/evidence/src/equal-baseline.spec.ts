import { describe, expect, it } from 'vitest';
import type { ExperimentDefined } from '#libs/contracts';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type Analysis, analyse, evidenceDesign, foldEvent, initialEvidence, type RequestEvent } from './index.js';

const PPM = { control: 800_000, baseline: 100_000, candidate: 100_000 };
const { variants } = definition().spec;
const equal: Partial<ExperimentDefined['spec']> = {
  variants: { ...variants, baseline: variants['control']! },
  baseline: 'baseline',
};

/** Half candidate, half the other, as events of the arms under an allocation that gives control most. */
function renamed(event: RequestEvent, variant: string): RequestEvent {
  const assignment = {
    ...event.data.assignment!,
    variant,
    weightsPpm: PPM,
    propensity: PPM[variant as 'control'] / 1e6,
  };
  return { ...event, data: { ...event.data, assignment } } as RequestEvent;
}

function analysisOf(spec: Partial<ExperimentDefined['spec']>, events: readonly RequestEvent[]): Analysis {
  const design = evidenceDesign(definition(spec), 1);
  const evidence = initialEvidence(design);
  for (const event of events) foldEvent(evidence, design, event);
  return analyse(evidence, design, Date.parse(events.at(-1)!.time));
}

const judged = ({ metrics }: Analysis) => metrics.filter(({ role }) => role === 'guardrail');

describe('a candidate that is compared with an equal baseline', () => {
  const traffic = new SimulatedTraffic(3, { candidate: { costFactor: 1.1 } });
  traffic.candidateShare = 0.5;
  const halves = Array.from({ length: 1_500 }, () => traffic.next()).flat();
  const arms = halves.map((event) =>
    renamed(event, event.data.assignment!.variant === 'candidate' ? 'candidate' : 'baseline'),
  );
  it('is judged as at half of the traffic, whatever its share', () => {
    expect(judged(analysisOf(equal, arms))).toEqual(judged(analysisOf({}, halves)));
  });

  it('does not depend on what production does', () => {
    const broken = new SimulatedTraffic(4, { control: { errorRate: 0.4, latencyFactor: 9 } });
    broken.candidateShare = 0;
    const production = Array.from({ length: 2_000 }, () => broken.next())
      .flat()
      .map((event, index) => {
        const unit = `production-${index}`;
        const { data } = renamed(event, 'control');
        return {
          ...event,
          subject: unit,
          data: { ...data, assignment: { ...data.assignment!, unit } },
        } as RequestEvent;
      });
    const both = analysisOf(equal, [...arms, ...production]);
    expect(judged(both)).toEqual(judged(analysisOf(equal, arms)));
    expect(both.requests['control']).toBe(2_000);
    expect(Object.keys(both.units).toSorted()).toEqual(['baseline', 'candidate', 'control']);
  });

  it('takes longer to prove: only the two equal arms count', () => {
    const [alone, compared] = [{}, equal].map(
      (spec) => analysisOf(spec, spec === equal ? arms : halves).forecast!.units!,
    );
    expect(compared).toBeGreaterThan(alone!);
  });
});
