import { describe, expect, it } from 'vitest';
import { examples, type DataOf } from '#libs/contracts';
import type { RecordedCommand } from '#libs/persistence/reports';
import { aShadow, somePairs } from '#libs/testing/delivery';
import { summarise, type ExperimentFacts } from './summarise.js';

const defined = examples.find(({ type }) => type === 'experiment.defined.v1')!.data as DataOf<'experiment.defined.v1'>;
const at = new Date('2026-11-20T10:00:00.000Z');

describe('summarise', () => {
  it('says that nothing is known before the first command, and invents no numbers', () => {
    const summary = summarise(facts({}), at.getTime());
    expect(summary).toMatchObject({
      phase: 'draft',
      epoch: 0,
      exposed: 0,
      metrics: [],
      objectives: null,
      health: null,
      analysedAt: null,
      timeToRollback: null,
      controller: null,
    });
    expect(summary.variants.map(({ role, units }) => [role, units])).toEqual([
      ['control', null],
      ['candidate', null],
    ]);
  });

  it('says in which slot of the service its shares are', () => {
    expect(summarise(facts({}), 0).slot).toBeNull();
    const spec = { ...defined.spec, slot: 'portraits' };
    expect(summarise(facts({ definition: { ...facts({}).definition, spec } }), 0).slot).toBe('portraits');
  });

  it.each([
    ['operator', 'paused'],
    ['health-hold', 'held'],
  ] as const)('a pause because of %s leaves the experiment %s', (reason, phase) => {
    const pause = { ...command('pause', 2, null), reason };
    expect(summarise(facts({ commands: [command('start', 1, null), pause] }), 0).phase).toBe(phase);
  });

  it('counts as exposed every request that was given to a candidate, whatever became of it', () => {
    const count = { epoch: 1, firstAt: at, lastAt: at } as const;
    const summary = summarise(
      facts({
        traffic: [
          { ...count, variant: 'control', outcome: 'delivered', requests: 970 },
          { ...count, variant: 'candidate', outcome: 'delivered', requests: 20 },
          { ...count, variant: 'candidate', outcome: 'timed-out', requests: 3 },
          { ...count, variant: 'candidate', outcome: 'delivered', epoch: 2, requests: 7 },
        ],
      }),
      at.getTime(),
    );
    expect(summary.exposed).toBe(30);
    expect(summary.variants[1]).toMatchObject({ requests: 30, requestsByOutcome: { delivered: 27, 'timed-out': 3 } });
  });

  it('passes on what the analysis says of the objectives', () => {
    const analysed = examples.find(({ type }) => type === 'experiment.analysed.v1')!
      .data as DataOf<'experiment.analysed.v1'>;
    const utility = { estimate: 0.04, interval: { low: 0.01, high: 0.07 }, verdict: 'better', reason: 'said' } as const;
    const gain = { metric: 'alignment', weight: 2, estimate: 0.04, interval: { low: 0.01, high: 0.07 }, missing: null };
    const objectives = {
      rope: 0.01,
      candidates: [{ candidate: 'candidate', utility, gains: [gain] }],
      pareto: [{ variant: 'control', onFront: false, surelyDominatedBy: ['candidate'] }],
    };
    expect(summarise(facts({ analysis: { ...analysed, objectives } }), 0).objectives).toEqual(objectives);
    expect(summarise(facts({ analysis: analysed }), 0).objectives).toBeNull();
  });

  it('knows whether a revision is in its shadow, and shows its pairs like other metrics, with pairs for units', () => {
    const analysed = examples.find(({ type }) => type === 'experiment.analysed.v1')!
      .data as DataOf<'experiment.analysed.v1'>;
    const definition = { ...defined, definedAt: at, spec: { ...defined.spec, ...aShadow() } };
    const begun = [command('start', 1, null)];
    const known = { definition, analysis: { ...analysed, pairs: [somePairs(212, 50_000)] } };
    const { shadow, notices } = summarise(facts({ ...known, commands: begun }), at.getTime() + 60_000);
    expect(shadow).toMatchObject({ isUnderWay: true, pairsWanted: 350, ratePpm: 100_000, isAll: false });
    expect(shadow?.candidates[0]).toMatchObject({ n: 212, allowsPpm: 50_000 });
    expect(shadow?.candidates[0]?.metrics[0]).toMatchObject({
      metric: 'alignment',
      unit: 'cosine',
      n: { control: { units: 212 }, candidate: { units: 212 } },
    });
    expect(notices.map(({ message }) => message).join()).toMatch(/Shadow: 212 of 350 pairs.*By them 5 % may be served/);
    const dropped = [...begun, command('drop-arm', 2, null)];
    expect(summarise(facts({ ...known, commands: dropped }), at.getTime()).shadow?.isUnderWay).toBe(true);
    const climbing = [...begun, command('advance', 2, null)];
    expect(summarise(facts({ ...known, commands: climbing }), at.getTime()).shadow?.isUnderWay).toBe(false);
    expect(summarise(facts({}), 0).shadow).toBeNull();
  });

  it('measures a rollback from the newest event it rests on until each router obeyed', () => {
    const rollback = command('rollback', 2, '2026-11-20T10:00:00.000Z');
    const applied = [40, 10, 20].map((afterMs, index) => ({
      commandId: rollback.commandId,
      epoch: 2,
      router: `router-${index}`,
      outcome: 'applied' as const,
      reason: null,
      weightsPpm: rollback.weightsPpm,
      appliedAt: new Date(at.getTime() + 1_000 + afterMs),
    }));
    const refused = { ...applied[0]!, router: 'late', outcome: 'refused' as const, reason: 'stale-epoch' };
    const summary = summarise(
      facts({ commands: [command('start', 1, null), rollback], applied: [...applied, refused] }),
      0,
    );
    expect(summary.phase).toBe('rolled-back');
    expect(summary.timeToRollback).toEqual({
      detectionToAppliedMs: { p50: 1_020, max: 1_040 },
      commandedToAppliedMs: { p50: 520, max: 540 },
    });
    expect(summary.decisions[1]?.applied).toHaveLength(4);
  });

  it('measures an operator’s rollback from the command alone', () => {
    const rollback = command('rollback', 1, null);
    const obeyed = {
      commandId: rollback.commandId,
      epoch: 1,
      router: 'router',
      outcome: 'applied' as const,
      reason: null,
      weightsPpm: {},
      appliedAt: new Date(at.getTime() + 507),
    };
    expect(summarise(facts({ commands: [rollback], applied: [obeyed] }), 0).timeToRollback).toEqual({
      detectionToAppliedMs: null,
      commandedToAppliedMs: { p50: 7, max: 7 },
    });
  });
});

function facts(known: Partial<ExperimentFacts>): ExperimentFacts {
  const definition = { ...defined, definedAt: at };
  return { definition, commands: [], applied: [], traffic: [], analysis: undefined, controllers: [], ...known };
}

function command(kind: RecordedCommand['command'], epoch: number, newestEventAt: string | null): RecordedCommand {
  return {
    commandId: `${kind}-${epoch}`,
    revision: 1,
    epoch,
    command: kind,
    stage: 0,
    weightsPpm: { control: 1_000_000, candidate: 0 },
    reason: 'harmful',
    message: 'said',
    evidence:
      newestEventAt === null
        ? null
        : {
            analysisId: 'a',
            metric: 'alignment',
            candidate: 'candidate',
            lnE: 3.4,
            units: 100,
            analysedAt: newestEventAt,
            newestEventAt,
          },
    actor: 'controller',
    commandedAt: new Date(at.getTime() + 500),
    terminal: kind === 'rollback',
  };
}
