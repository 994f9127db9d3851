import { describe, expect, it } from 'vitest';
import type { ExperimentAnalysed } from '#libs/contracts';
import {
  decideOnService,
  decider,
  evolveService,
  newService,
  replayLog,
  type DeliveryEvent,
  type DeliveryInput,
  type DeliveryState,
  type KeptLog,
  type ServiceEvent,
} from '#libs/delivery';
import {
  aMetric,
  analysed,
  approval,
  aSpec,
  aStage,
  define,
  explicitRamp,
  harmful,
  minutes,
  operator,
  SCORES_SILENT,
  tick,
} from '#libs/testing/delivery';

/** What is kept after the inputs, analyses included. */
function keptAfter(...inputs: readonly DeliveryInput[]): KeptLog {
  let state: DeliveryState = decider.initialState;
  let service = newService('text-to-image');
  const events: DeliveryEvent[] = [];
  const serviceEvents: ServiceEvent[] = [];
  const analyses = new Map<number, ExperimentAnalysed>();
  for (const input of inputs) {
    const decided = decideOnService(service, state, input);
    state = decided.events.reduce(decider.evolve, state);
    service = decided.serviceEvents.reduce(evolveService, service);
    if ('analysis' in input && input.analysis && decided.events.length > 0) analyses.set(events.length, input.analysis);
    events.push(...decided.events);
    serviceEvents.push(...decided.serviceEvents);
  }
  return { service: 'text-to-image', events, serviceEvents, analyses };
}

const outcomesOf = (kept: KeptLog): readonly string[] =>
  replayLog(kept).decisions.map(({ outcome, events }) => `${events.map(({ type }) => type).join('+')} ${outcome}`);

const RAMP = explicitRamp(aStage(10_000, { approval: 'required' }), aStage(200_000), aStage(1_000_000));

/** What people, time and analyses led to, the last of them a rollback. */
const STORY = keptAfter(
  define(minutes(0), aSpec({ ramp: RAMP })),
  approval(minutes(1)),
  operator('pause', minutes(2), 'lunch'),
  define(minutes(3), aSpec({ ramp: RAMP, deadlineMs: 7_200_000 })),
  operator('resume', minutes(4)),
  analysed(minutes(5), [], { policy: 1, health: SCORES_SILENT }),
  analysed(minutes(6), [], { policy: 1 }),
  tick(minutes(20), minutes(7)),
  { type: 'contested', atMs: minutes(21), commandId: 'again', epoch: 6, behind: ['r1', 'r2'], servedEpoch: 9 },
  analysed(minutes(22), [harmful('error-rate'), aMetric('alignment')], { policy: 1 }),
  operator('new-attempt', minutes(30)),
  approval(minutes(31)),
  operator('promote', minutes(32)),
  operator('archive', minutes(33)),
);

describe('replaying a log', () => {
  it('decides everything again, each upon what was known then, and comes to the same', () => {
    const outcomes = outcomesOf(STORY);
    expect(outcomes).toEqual([
      'defined identical',
      'approved+started identical',
      'paused identical',
      'policy-changed identical',
      'resumed identical',
      'held identical',
      'recovered identical',
      'held identical',
      'alert-raised+reissued identical',
      'rolled-back identical',
      'defined identical',
      'approved+started identical',
      'promoted identical',
      'archived identical',
    ]);
  });

  it('says that a decision differs, and what would follow instead', () => {
    const events = STORY.events.map((event) =>
      event.type === 'rolled-back' ? { ...event, command: { ...event.command, message: 'made up' } } : event,
    );
    const { decisions } = replayLog({ ...STORY, events });
    const differing = decisions.filter(({ outcome }) => outcome === 'differs');
    expect(differing).toMatchObject([
      {
        events: [{ type: 'rolled-back' }],
        instead: [{ command: { message: expect.stringContaining('error-rate') } }],
      },
    ]);
  });

  it('says which decisions it knows too little of: their analyses are gone', () => {
    const unknown = outcomesOf({ ...STORY, analyses: new Map() }).filter((outcome) => !outcome.endsWith('identical'));
    expect(unknown).toEqual(['held unknown', 'recovered unknown', 'rolled-back unknown']);
  });
});
