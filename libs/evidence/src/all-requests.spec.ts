import type { Guardrail, MetricAnalysis } from '#libs/contracts';
import { simulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import { evidenceDesign, type ObservedEvent, type RequestEvent } from './index.js';

const guarded = (metric: string, kind: 'relative' | 'absolute', value: number): Guardrail => ({
  metric,
  margin: { kind, value },
  rollbackOn: 'beyond-margin',
});

interface Seen {
  readonly event: RequestEvent;
  /** How often the unit has asked before. */
  readonly before: number;
  readonly isCandidate: boolean;
  readonly chance: number;
}

interface Traffic {
  readonly guardrail: Guardrail;
  readonly requests: number;
  readonly share: number;
  /** 0: every request is of another one. */
  readonly users?: number;
  readonly seed?: number;
}

/** The guardrail as analysed after traffic of which each event is what `as` makes of it. */
function analysed(
  { guardrail, requests, share, users = 0, seed = 3 }: Traffic,
  as: (seen: Seen) => RequestEvent,
): MetricAnalysis {
  const traffic = new SimulatedTraffic(seed, {}, 100, users);
  traffic.candidateShare = share;
  const random = simulationRandom(seed + 1);
  const design = evidenceDesign(definition({ guardrails: [guardrail] }), 1);
  const { topic } = design.metrics.find(({ definition: { name } }) => name === guardrail.metric)!.definition;
  const asked = new Map<string, number>();
  const events: ObservedEvent[] = [];
  for (let request = 0; request < requests; request++) {
    for (const event of traffic.next()) {
      const { unit, variant } = event.data.assignment!;
      if (event.type !== topic) continue;
      const before = asked.get(unit) ?? 0;
      asked.set(unit, before + 1);
      events.push(as({ event, before, isCandidate: variant === 'candidate', chance: random.uniform() }));
    }
  }
  return analysisOf(design, events, 1).metrics.find(({ metric }) => metric === guardrail.metric)!;
}

function failing(event: RequestEvent, isBad: boolean): RequestEvent {
  if (event.type !== 'request.routed.v1' || !isBad) return event;
  return { ...event, data: { ...event.data, outcome: 'server-error', status: 500, durationMs: null } };
}

function slow(event: RequestEvent, isSlow: boolean): RequestEvent {
  if (event.type !== 'request.routed.v1' || !isSlow) return event;
  return { ...event, data: { ...event.data, durationMs: 3 * (event.data.durationMs ?? 0) } };
}

function scoring(event: RequestEvent, alignment: number): RequestEvent {
  return event.type === 'image.scored.v1' ? { ...event, data: { ...event.data, alignment } } : event;
}

const picture = (event: RequestEvent, of: string): RequestEvent =>
  event.type === 'image.scored.v1'
    ? {
        ...event,
        data: { ...event.data, image: { ...event.data.image, sha256: of.padStart(13, '0').padEnd(64, '0') } },
      }
    : event;

describe('all requests', () => {
  const errors = guarded('error-rate', 'absolute', 0.005);

  it('withhold a proof that units’ first requests give alone: later ones fail more often than the margin allows', () => {
    const traffic = { guardrail: guarded('error-rate', 'absolute', 0.02), requests: 12_000, share: 0.5, users: 3_000 };
    const worse = analysed(traffic, ({ event, before, isCandidate, chance }) =>
      failing(event, chance < (isCandidate && before > 0 ? 0.045 : 0.01)),
    );
    expect(worse.estimate.effect).toBeGreaterThan(0.02);
    expect(worse.lnE?.nonInferior).toBeLessThanOrEqual(0);
    expect(worse.verdict).not.toBe('non-inferior');
    const equal = analysed(traffic, ({ event, chance }) => failing(event, chance < 0.01));
    expect(equal.verdict).toBe('non-inferior');
  });

  it.each([1, 2, 3, 4])(
    'decide whether more people with a bad request are a higher rate: as many failures, spread over everybody (seed %i)',
    (seed) => {
      const traffic = { guardrail: errors, requests: 8_000, share: 0.2, users: 300, seed };
      const spread = analysed(traffic, ({ event, isCandidate, chance }) => {
        const isUnlucky = Number(event.data.assignment!.unit.slice(1)) % 20 === 0;
        return failing(event, isCandidate ? chance < 0.045 : isUnlucky);
      });
      expect(spread.verdict).not.toBe('harmful');
    },
  );

  it.each([1, 2, 3, 4])('do so for slow requests: one in seventeen, of the same people or of all (seed %i)', (seed) => {
    const guardrail = guarded('latency-p95', 'relative', 0.1);
    const spread = analysed(
      { guardrail, requests: 8_000, share: 0.2, users: 300, seed },
      ({ event, isCandidate, chance }) => {
        const isUnlucky = Number(event.data.assignment!.unit.slice(1)) % 17 === 0;
        return slow(event, isCandidate ? chance < 1 / 17 : isUnlucky);
      },
    );
    expect(spread.verdict).not.toBe('harmful');
  });
});

describe('a picture that comes again', () => {
  const duplicates = guarded('duplicate-rate', 'absolute', 0.02);

  it('for who had it already is none of a collapsed model’s, however long each variant is remembered', () => {
    const { estimate, verdict } = analysed(
      { guardrail: duplicates, requests: 4_000, share: 0.05, users: 800 },
      ({ event }) => picture(event, event.data.assignment!.unit.slice(1)),
    );
    expect(estimate).toMatchObject({ control: 0, candidate: 0 });
    expect(verdict).not.toBe('harmful');
  });

  it('for somebody else is', () => {
    const { verdict } = analysed(
      { guardrail: duplicates, requests: 2_000, share: 0.2 },
      ({ event, isCandidate, chance }) => {
        const kinds = isCandidate ? 20 : 1e9;
        return picture(event, Math.floor(chance * kinds).toString(16));
      },
    );
    expect(verdict).toBe('harmful');
  });
});

describe('a tail that begins at a value which many have', () => {
  it('holds that value: ten times as many pictures with the lowest score are harm, as many are none', () => {
    const traffic = { guardrail: guarded('wrong-pictures', 'relative', 0.5), requests: 4_000, share: 0.3 };
    const zeros = (shareOfCandidate: number) =>
      analysed(traffic, ({ event, isCandidate, chance }) =>
        scoring(event, chance < (isCandidate ? shareOfCandidate : 0.03) ? 0 : 0.2 + chance / 10),
      );
    expect(zeros(0.3).verdict).toBe('harmful');
    const equal = zeros(0.03);
    expect(equal.verdict).not.toBe('harmful');
    expect(equal.estimate.control).toBeCloseTo(0.03, 2);
  });
});
