/** @module-tag long */
import { describe, expect, it } from 'vitest';
import type { ExperimentSpec } from '#libs/contracts';
import { foldedService } from '#libs/testing/delivery';
import { type OperatorAct, type PlayedCommand, playExperiment } from '#libs/testing/delivery';
import { type Behaviour, definition } from '#libs/testing/traffic';
import { denseService } from '../lab/calibrate/dense-service.js';
import { candidates, canaryFrom } from '../lab/calibrate/whole-rule.js';

interface Stream {
  readonly seed?: number;
  readonly fromPpm?: number;
  readonly candidate?: Behaviour;
  readonly spec?: Partial<ExperimentSpec>;
  readonly drawn?: number;
  readonly operators?: Readonly<Record<number, OperatorAct>>;
  readonly mostRequests?: number;
  /** Reasons that have to be among those of its commands, so that the stream is of the kind that its name says. */
  readonly expected: readonly PlayedCommand['reason'][];
}

const stage = (
  weightPpm: number,
  conditions: Partial<ExperimentSpec['ramp']['stages'][number]> = {},
): ExperimentSpec['ramp']['stages'][number] => ({
  weightPpm,
  atLeastMs: 0,
  atLeastUnits: 0,
  approval: 'none',
  ...conditions,
});
const explicit = (...stages: ExperimentSpec['ramp']['stages']): Pick<ExperimentSpec, 'ramp'> => ({
  ramp: { kind: 'explicit', stages },
});
const act =
  (type: 'pause' | 'resume' | 'promote' | 'rollback' | 'approve'): OperatorAct =>
  (now) => ({ type, ...now, actor: 'ana', note: '' });

/** The 1 % and 5 % starts of calibration, cut where a run gets long. */
const calibrated: Record<string, Stream> = Object.fromEntries(
  Object.entries(candidates).flatMap(([name, candidate], index) =>
    [10_000, 50_000].map((fromPpm) => [
      `${name}, from ${fromPpm / 10_000} %`,
      { seed: 11 + index, fromPpm, candidate, mostRequests: 4_000, expected: ['started'] } satisfies Stream,
    ]),
  ),
);

const others: Record<string, Stream> = {
  'an identical candidate to its promotion': { expected: ['budget-proven', 'all-guardrails-non-inferior'] },
  'the same from 1 %': { fromPpm: 10_000, expected: ['budget-proven', 'all-guardrails-non-inferior'] },
  'harm of the alignment': { candidate: { alignment: 0.27 }, expected: ['harmful'] },
  'wrong pictures': { candidate: { wrongShare: 0.2 }, expected: ['harmful'] },
  'harm of the latency': { candidate: { latencyFactor: 2 }, expected: ['harmful'] },
  'harm of the cost at a shared α': {
    candidate: { costFactor: 1.15 },
    spec: { alphaPer: 'experiment' },
    expected: ['harmful'],
  },
  errors: { candidate: { errorRate: 0.1 }, expected: ['harmful'] },
  'harm of the cost': { candidate: { costFactor: 1.15 }, expected: ['harmful'] },
  'a better candidate': { candidate: { costFactor: 0.5, alignment: 0.35 }, expected: ['budget-proven'] },
  'a split that was not ordered, held too long': {
    drawn: 0.3,
    spec: { holdAtMostMs: 20_000 },
    expected: ['health-hold', 'inconclusive'],
  },
  'a split that was not ordered, whose shares are kept': {
    drawn: 0.3,
    spec: { holdAtMostMs: 20_000, onInconclusive: 'hold' },
    expected: ['health-hold', 'inconclusive'],
  },
  'a coverage gap': { candidate: { coverage: 0.4 }, expected: ['health-hold', 'inconclusive'] },
  'a small coverage gap': { candidate: { coverage: 0.97 }, mostRequests: 12_000, expected: ['budget-proven'] },
  'harm while the ramp is held': {
    drawn: 0.3,
    // Of the failures its part has to be more than the share that was ordered.
    candidate: { errorRate: 0.1 },
    spec: { holdAtMostMs: 600_000 },
    expected: ['health-hold', 'harmful'],
  },
  'a deadline': { spec: { deadlineMs: 40_000 }, expected: ['deadline'] },
  'an approval that comes late': {
    spec: explicit(stage(50_000), stage(200_000, { approval: 'required' }), stage(1_000_000)),
    operators: { 9_000: act('approve') },
    mostRequests: 12_000,
    expected: ['budget-proven'],
  },
  'an approval that never comes': {
    spec: {
      ...explicit(stage(50_000), stage(200_000, { approval: 'required' }), stage(1_000_000)),
      deadlineMs: 90_000,
    },
    expected: ['deadline'],
  },
  'a first stage that needs an approval': {
    spec: explicit(stage(50_000, { approval: 'required' }), stage(1_000_000)),
    operators: { 0: act('approve') },
    mostRequests: 4_000,
    expected: ['started'],
  },
  'stages of a least time and number of units': {
    spec: explicit(
      stage(50_000, { atLeastMs: 80_000 }),
      stage(100_000, { atLeastUnits: 3_000 }),
      stage(200_000),
      stage(1_000_000),
    ),
    mostRequests: 15_000,
    expected: ['budget-proven'],
  },
  'a pause, and a ramp that goes on': {
    operators: { 1_000: act('pause'), 9_000: act('resume') },
    mostRequests: 14_000,
    expected: ['operator', 'budget-proven'],
  },
  'harm during a pause': {
    candidate: { latencyFactor: 1.3 },
    operators: { 300: act('pause') },
    expected: ['operator', 'harmful'],
  },
  'a rollback by hand': { operators: { 900: act('rollback') }, expected: ['operator'] },
  'an ab test of equal variants': {
    spec: { kind: 'ab', ...explicit(stage(100_000), stage(200_000), stage(500_000)), deadlineMs: 120_000 },
    expected: ['budget-proven', 'deadline'],
  },
  'an ab test with a harmful variant': {
    spec: { kind: 'ab', ...explicit(stage(500_000)) },
    candidate: { errorRate: 0.1 },
    expected: ['harmful'],
  },
};

/** What follows from a stream: everything but the words. */
function commandsOf(build: typeof denseService, stream: Stream) {
  const { seed = 1, fromPpm = 50_000, candidate = {}, spec = {}, drawn = 1, operators = {}, mostRequests } = stream;
  const experiment = definition({ ...canaryFrom(fromPpm).spec, ...spec });
  const service = build({ seed, definition: experiment, candidate, drawn });
  const limit = mostRequests === undefined ? {} : { mostRequests };
  const { commands, ...rest } = playExperiment(service, { definition: experiment, operators, ...limit });
  return { ...rest, commands: commands.map(({ message: _words, ...command }) => command) };
}

describe('a whole experiment simulated without events gets the same commands as from events, after the same requests', () => {
  it.each(Object.entries({ ...calibrated, ...others }))('%s', (_name, stream) => {
    const fromEvents = commandsOf(foldedService, stream);
    expect(fromEvents.commands.map(({ reason }) => reason)).toEqual(expect.arrayContaining([...stream.expected]));
    expect(commandsOf(denseService, stream)).toEqual(fromEvents);
  });
});
