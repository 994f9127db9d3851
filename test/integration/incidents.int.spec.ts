import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { topics, type AllocationCommanded } from '#libs/contracts';
import type { OutgoingRecord } from '#libs/messaging';
import { harmful, HEALTHY, provenUpTo, SCORES_SILENT, SPLIT_IS_OFF } from '#libs/testing/delivery';
import { eventually, IncidentStack, type ServiceUnderTest } from './incident-stack.js';

// A busy machine takes seconds for what takes milliseconds on an idle one.
vi.setConfig({ testTimeout: 60_000 });

let stack: IncidentStack;
beforeAll(async () => {
  stack = await IncidentStack.start();
}, 120_000);
afterAll(() => stack.close());

const ALL = 1_000_000;
const proven = (sharePpm = ALL) => [provenUpTo('alignment', sharePpm), provenUpTo('error-rate', sharePpm)];

/** Of forty units at each of two routers not one gets another upstream. */
const everybodyGets = (name: string) => [{ [name]: 40 }, { [name]: 40 }];

async function expectServed(service: ServiceUnderTest, name: string): Promise<void> {
  expect(await service.shares()).toEqual(everybodyGets(name));
}

/** Some of the units, the same at both routers, get the candidate. */
async function expectSplit(service: ServiceUnderTest, name = 'new'): Promise<readonly string[]> {
  const [first, second] = await service.served();
  expect(second).toEqual(first);
  expect(new Set(first)).toEqual(new Set(['old', name]));
  return first!;
}

/** Each order once, also where it was given again because a busy machine took its time to follow. */
const commandsOf = (key: string): readonly AllocationCommanded[] =>
  stack.commands
    .filter(({ experiment }) => experiment === key)
    .filter((one, index, all) => one.command !== all[index - 1]?.command);

/** An analysis that holds the ramp: whatever was published before it has been judged by then. */
async function judgedSoFar(service: ServiceUnderTest, letter: string, revision = 1): Promise<void> {
  await service.analysis(letter, [], { health: SCORES_SILENT, revision });
  await service.until(letter, { phase: 'held' });
}

describe('promotes nothing that is not proven', () => {
  it('1: a deadline that passes ends a canary that is inconclusive at control, whatever was proven while it was held', async () => {
    const service = stack.aService();
    await service.begin('a', { deadline: '1500ms' });
    await expectSplit(service);
    await service.analysis('a', proven(), { health: SCORES_SILENT });
    await service.until('a', { phase: 'concluded', outcome: 'inconclusive', effect: 'effective' });
    await expectServed(service, 'old');
  });

  it('3: a share rises when every guardrail is final, not before', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.analysis('a', proven().slice(0, 1));
    await judgedSoFar(service, 'a');
    expect(await service.decisions('a')).toEqual(['defined', 'started', 'held']);
    await service.analysis('a', proven(500_000));
    await service.until('a', { phase: 'running' });
    await service.analysis('a', proven(500_000));
    await eventually(async () =>
      expect(await service.show('a')).toMatchObject({ stage: { index: 1 }, effect: 'effective' }),
    );
  });

  it('4: no data is undecided: nothing rises', async () => {
    const service = stack.aService();
    await service.begin('a');
    for (let round = 0; round < 3; round += 1) await service.analysis('a', [], { requests: {}, units: {} });
    await judgedSoFar(service, 'a');
    expect(await service.decisions('a')).toEqual(['defined', 'started', 'held']);
    expect((await service.show('a')).weightsPpm).toEqual({ control: 800_000, candidate: 200_000 });
  });

  it('12: a changed configuration is a new revision, and what was proven of the old one raises nothing', async () => {
    const service = stack.aService();
    await service.begin('a');
    const changed = { variants: { control: service.variant('old'), candidate: service.variant('newer') } };
    expect(await service.apply('a', changed)).toMatchObject({ status: 201, body: { revision: 2 } });
    await service.effective('a');
    await expectSplit(service, 'newer');
    await service.analysis('a', proven(), { revision: 1 });
    await judgedSoFar(service, 'a', 2);
    expect(await service.show('a')).toMatchObject({ stage: { index: 0 }, weightsPpm: { candidate: 200_000 } });
  });

  it('13: a misspelt metric is refused where the file is applied, and routes nothing', async () => {
    const service = stack.aService();
    const misspelt = { guardrails: [{ metric: 'aligment', margin: '-1%' }] };
    expect(await service.apply('a', misspelt)).toMatchObject({
      status: 422,
      body: { problems: [{ message: expect.stringContaining('unknown metric "aligment"') }] },
    });
    await service.begin('b');
    expect(await service.show('a')).toMatchObject({ status: 404 });
    expect(commandsOf(service.key('a'))).toEqual([]);
  });

  it('27: analyses that stop are no bad canary: held also by a service that starts after the last one, and then as onInconclusive says', async () => {
    const service = stack.aService();
    await service.begin('a', { holdAtMost: '600ms' });
    await service.analysis('a', proven(500_000));
    await eventually(async () => expect(await service.show('a')).toMatchObject({ stage: { index: 1 } }));
    await stack.restartDecision({ analysisSilentAfterMs: 200 });
    await service.until('a', { phase: 'concluded', outcome: 'inconclusive', effect: 'effective' });
    expect(await service.decisions('a')).toEqual(['defined', 'started', 'advanced', 'held', 'concluded']);
    await expectServed(service, 'old');
    await stack.restartDecision();
  });

  it('28: a split that is off blocks what is proven, and no rollback', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.analysis('a', proven(), { health: SPLIT_IS_OFF });
    await service.until('a', { phase: 'held' });
    expect(await service.decisions('a')).toEqual(['defined', 'started', 'held']);
    await service.analysis('a', [harmful('error-rate')], { health: SPLIT_IS_OFF });
    await service.until('a', { phase: 'rolled-back', effect: 'effective' });
    await expectServed(service, 'old');
  });
});

describe('a rollback', () => {
  it('2: latches: good data later changes nothing of what is served', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.analysis('a', [harmful('alignment')]);
    await service.analysis('a', [harmful('alignment')]);
    await service.analysis('a', proven());
    await service.until('a', { phase: 'rolled-back', effect: 'effective' });
    await service.analysis('a', proven());
    // What comes after it on the same key has been read when this one has had its effect.
    expect(await service.order('a', 'new-attempt')).toMatchObject({ status: 201 });
    await judgedSoFar(service, 'a', 2);
    expect(await service.decisions('a')).toEqual(['defined', 'started', 'rolled-back', 'defined', 'started', 'held']);
    await eventually(() =>
      expect(commandsOf(service.key('a')).map(({ command }) => command)).toEqual([
        'start',
        'rollback',
        'start',
        'pause',
      ]),
    );
  });

  it('6: beats a promotion by hand at any time, also while another session sits on its rows', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.order('a', 'promote');
    await service.effective('a');
    await expectServed(service, 'new');
    const session = await stack.database.session();
    session.onLost(() => undefined);
    await session.query('begin');
    await session.query('select 1 from teststrip.experiments where key = $1 for update', [service.key('a')]);
    expect(await service.order('a', 'rollback')).toMatchObject({ status: 200, body: { phase: 'rolled-back' } });
    await service.effective('a');
    await expectServed(service, 'old');
  });

  it('7: is the one end of its revision: nothing that is ordered or proven afterwards gives the candidate anybody', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.order('a', 'rollback');
    for (const what of ['promote', 'resume', 'pause', 'approve'])
      expect(await service.order('a', what), what).toMatchObject({ status: 409 });
    await service.analysis('a', proven());
    await service.effective('a');
    await expectServed(service, 'old');
    expect(await service.decisions('a')).toEqual(['defined', 'started', 'rolled-back']);
  });

  it('9: is not undone by the file that is applied again, also not at a service that was restarted', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.order('a', 'rollback');
    expect(await service.apply('a')).toMatchObject({ status: 409 });
    await stack.restartDecision();
    expect(await service.apply('a')).toMatchObject({ status: 409 });
    expect(await service.apply('a', { deadline: '23h' })).toMatchObject({ status: 409 });
    expect(await service.apply('b')).toMatchObject({ status: 409 });
    await service.effective('a');
    await expectServed(service, 'old');
  });

  it('10: gives everybody to control, however small the share of control was', async () => {
    const service = stack.aService();
    const variants = { aaa: service.variant('new'), control: service.variant('old') };
    await service.begin('a', { variants });
    await service.order('a', 'promote');
    await service.effective('a');
    await expectServed(service, 'new');
    await service.analysis(
      'a',
      [harmful('error-rate')].map((metric) => ({ ...metric, candidate: 'aaa' })),
    );
    await service.until('a', { phase: 'rolled-back', effect: 'effective' });
    expect((await service.show('a')).weightsPpm).toEqual({ control: ALL, aaa: 0 });
    await expectServed(service, 'old');
  });

  it('11: to a control that is broken itself goes there and raises an alert that says so', async () => {
    const service = stack.aService();
    await service.begin('a');
    const recent = { control: { seconds: 60, requests: 100, failures: 90 } };
    await service.analysis('a', [], { health: { ...HEALTHY, recent } });
    await eventually(async () =>
      expect(await service.show('a')).toMatchObject({ alerts: [{ alert: 'control-unhealthy' }] }),
    );
    const message = expect.stringContaining('Rolled back to control, which is broken itself');
    expect(await service.order('a', 'rollback')).toMatchObject({ body: { alerts: [{}, { message }] } });
    await service.effective('a');
    await expectServed(service, 'old');
  });

  it('17: goes to the control that the experiment pins, not to what was served before that', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.order('a', 'promote');
    const variants = { control: service.variant('new'), candidate: service.variant('newer') };
    await service.begin('b', { variants });
    await service.order('b', 'promote');
    await service.effective('b');
    await expectServed(service, 'newer');
    expect(await service.order('a', 'rollback')).toMatchObject({ status: 409 });
    await service.order('b', 'rollback');
    await service.effective('b');
    await expectServed(service, 'new');
  });

  it('21: is not kept back by a split that is off', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.analysis('a', [harmful('error-rate')], { health: SPLIT_IS_OFF });
    await service.until('a', { phase: 'rolled-back', effect: 'effective' });
    expect((await service.show('a')).lastCommand.reason).toBe('harmful');
    await expectServed(service, 'old');
  });

  it('26: is effective when both routers have said that they obey, and then nobody is served by the candidate', async () => {
    const service = stack.aService();
    await service.begin('a');
    await expectSplit(service);
    await service.order('a', 'rollback');
    await service.effective('a');
    await expectServed(service, 'old');
    await eventually(async () => {
      const { acknowledgements, epoch } = await service.show('a');
      expect(acknowledgements.map((one: any) => [one.router, one.outcome, one.epoch]).sort()).toEqual([
        ['router-a', 'applied', epoch],
        ['router-b', 'applied', epoch],
      ]);
    });
  });
});

/** How far routers follow is not kept: it is heard anew. */
const statesIn = ({ body }: { readonly body: any }) =>
  body.experiments.map(({ effect: _heard, ...state }: { readonly effect: unknown }) => state);

describe('a restart', () => {
  it('14: of everything from the log alone leaves the state as it was, and no draft is served', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.order('a', 'rollback');
    await service.effective('a');
    const variants = { control: service.variant('old'), candidate: service.variant('newer') };
    const ramp = [{ weight: '50%', approval: 'required' }, { weight: '100%' }];
    expect(await service.apply('draft', { variants, ramp })).toMatchObject({ status: 201, body: { phase: 'draft' } });
    const other = stack.aService();
    await other.begin('a');
    const split = await expectSplit(other);
    const before = statesIn(await stack.call('GET', '/v1/experiments'));
    await stack.restartDecision({}, async () => {
      await stack.database.query(`update teststrip.experiments set state = '{}'::jsonb`);
    });
    await stack.restartRouter();
    expect(statesIn(await stack.call('GET', '/v1/experiments'))).toEqual(before);
    await eventually(async () => expect(await other.served()).toEqual([split, split]));
    await expectServed(service, 'old');
  });

  it('15: takes no step a second time', async () => {
    const service = stack.aService();
    await service.begin('a');
    const { epoch } = await service.show('a');
    await service.analysis('a', proven(500_000), { epoch });
    await eventually(async () => expect(await service.show('a')).toMatchObject({ stage: { index: 1 } }));
    await stack.restartDecision();
    // Everything is proven, by requests that were served before the step was taken.
    await service.analysis('a', proven(), { epoch });
    await judgedSoFar(service, 'a');
    expect(await service.decisions('a')).toEqual(['defined', 'started', 'advanced', 'held']);
  });

  it('18: publishes the end that was decided and not told when the service died', async () => {
    const service = stack.aService();
    await service.begin('a');
    const dumb = { ...stack.bus, publish: heartbeatsOnly };
    await stack.restartDecision({}, () =>
      stack.besideAnother(async (other) => {
        const path = `/v1/experiments/${service.key('a')}/rollback`;
        const because = { actor: 'ana', reason: 'it is bad' };
        expect(await stack.call('POST', path, because, other)).toMatchObject({ status: 200 });
        await expectSplit(service);
      }, dumb),
    );
    await service.until('a', { phase: 'rolled-back', effect: 'effective' });
    await expectServed(service, 'old');
  });

  it('24: of a router gives every unit the variant that it had', async () => {
    const service = stack.aService();
    await service.begin('a');
    const before = await expectSplit(service);
    await stack.restartRouter();
    await eventually(async () => expect(await service.served()).toEqual([before, before]));
  });
});

describe('controllers', () => {
  it('5: that have lost the lead are not obeyed: two decide once, and routers refuse a smaller epoch', async () => {
    const service = stack.aService();
    await service.begin('a');
    await stack.besideAnother(async () => {
      await service.analysis('a', [harmful('alignment')]);
      await service.until('a', { phase: 'rolled-back', effect: 'effective' });
    });
    const mine = commandsOf(service.key('a'));
    expect(mine.map(({ command }) => command)).toEqual(['start', 'rollback']);
    const data = { ...mine[0]!, commandId: `${mine[0]!.commandId.slice(0, -4)}dead` };
    await stack.publish({ type: topics.allocationCommanded.name, subject: service.key('a'), data });
    await eventually(async () => {
      const refused = (await stack.bus.readAll(topics.allocationApplied.name)).filter(({ value }) => {
        const said = JSON.parse(String(value)) as { commandId: string; outcome: string };
        return said.commandId === data.commandId && said.outcome === 'refused';
      });
      expect(refused).toHaveLength(2);
    });
    await expectServed(service, 'old');
  });

  it('8: end an experiment at its deadline while another one is stuck', async () => {
    const [stuck, service] = [stack.aService(), stack.aService()];
    await stuck.begin('a');
    const session = await stack.database.session();
    session.onLost(() => undefined);
    await session.query('begin');
    await session.query('select 1 from teststrip.experiments where key = $1 for update', [stuck.key('a')]);
    for (let round = 0; round < 5; round += 1) await stuck.analysis('a', proven());
    await service.begin('a', { deadline: '800ms' });
    await service.until('a', { phase: 'concluded', effect: 'effective' });
    await expectServed(service, 'old');
    expect((await stuck.show('a')).phase).toBe('running');
    await session.query('rollback');
    await session.release();
    await eventually(async () => expect(await stuck.show('a')).toMatchObject({ stage: { index: 1 } }));
  });

  it('16: begin again where somebody asks for it: a new attempt is served, from its first stage', async () => {
    const service = stack.aService();
    await service.begin('a');
    await service.analysis('a', [harmful('alignment')]);
    await service.until('a', { phase: 'rolled-back', effect: 'effective' });
    expect(await service.order('a', 'new-attempt')).toMatchObject({ status: 201, body: { revision: 2 } });
    await service.effective('a');
    expect(await service.show('a')).toMatchObject({ phase: 'running', stage: { index: 0 } });
    await expectSplit(service);
  });

  it('25: raise a share without taking the candidate from anybody, and lower it to nobody', async () => {
    const service = stack.aService();
    await service.begin('a');
    const before = await expectSplit(service);
    await service.analysis('a', proven(500_000));
    await eventually(async () =>
      expect(await service.show('a')).toMatchObject({ stage: { index: 1 }, effect: 'effective' }),
    );
    const after = await expectSplit(service);
    expect(before.filter((name, unit) => name === 'new' && after[unit] !== 'new')).toEqual([]);
    expect(after.filter((name) => name === 'new').length).toBeGreaterThan(
      before.filter((name) => name === 'new').length,
    );
    await service.order('a', 'rollback');
    await service.effective('a');
    await expectServed(service, 'old');
  });

  it('30: leave nothing behind an end: neither hold nor pause nor awaited approval, and the service is free for the next', async () => {
    const service = stack.aService();
    const ramp = [{ weight: '20%' }, { weight: '50%', approval: 'required' }, { weight: '100%' }];
    await service.begin('a', { ramp });
    await service.analysis('a', proven());
    await eventually(async () => expect(await service.show('a')).toMatchObject({ approvals: { awaited: 1 } }));
    await judgedSoFar(service, 'a');
    await service.order('a', 'pause');
    await service.order('a', 'rollback');
    await service.effective('a');
    expect(await service.show('a')).toMatchObject({
      held: null,
      parked: null,
      approvals: { awaited: null },
      deadlineAt: null,
    });
    expect((await stack.call('GET', `/v1/services/${service.name}`)).body).toMatchObject({ heldBy: null });
    await service.begin('b', { variants: { control: service.variant('old'), candidate: service.variant('newer') } });
    await expectSplit(service, 'newer');
  });
});

/** What a process has of the bus that dies before it could tell. */
function heartbeatsOnly(records: readonly OutgoingRecord[]): Promise<void> {
  return records.every(({ topic }) => topic === topics.controllerHeartbeat.name)
    ? Promise.resolve()
    : Promise.reject(new Error('the bus is away'));
}
