import { describe, expect, it } from 'vitest';
import { MILLION, type AllocationCommanded, type ExperimentSpec, type Layer } from '#libs/contracts';
import { analysed, aSpec, define, harmful, minutes, operator, provenUpTo, refusalOf } from '#libs/testing/delivery';
import { simulationRandom } from '#libs/testing/random';
import { decider } from '../decider.js';
import type { DeliveryInput } from '../inputs.js';
import { initialState, isActive, type DeliveryState, type StartedState } from '../state.js';
import { adoptService } from './adopt.js';
import { decideOnService } from './decide-on-service.js';
import { serviceEvent, type ServiceEvent } from './events.js';
import { evolveService } from './evolve-service.js';
import { operateService, type ServiceInput } from './operate-service.js';
import { isDivided, layerOf } from './slots.js';
import { newService, type ServiceState } from './state.js';

const half = (id: string, fromPpm: number, toPpm: number) => ({ id, fromPpm, toPpm });
const THIRDS = [half('portraits', 0, 300_000), half('scenes', 300_000, 600_000), half('rest', 600_000, 900_000)];
const dividing = (minute: number, slots = THIRDS, holdoutPpm = 50_000): ServiceInput => ({
  type: 'set-slots',
  atMs: minutes(minute),
  actor: 'ana',
  note: 'two teams',
  unit: 'user',
  slots,
  holdoutPpm,
});

/** A divided service, and the commands that its routers hear. */
class Play {
  service: ServiceState = newService('text-to-image');
  readonly experiments = new Map<string, DeliveryState>();
  readonly commands: AllocationCommanded[] = [];
  readonly log: ServiceEvent[] = [];

  of(key: string): StartedState {
    return (this.experiments.get(key) ?? initialState) as StartedState;
  }

  slot(id: string) {
    return this.service.slots.find((slot) => slot.id === id)!;
  }

  take(key: string, input: DeliveryInput): this {
    const { events, serviceEvents } = decideOnService(this.service, this.of(key), input);
    if (events.length > 0) this.experiments.set(key, events.reduce(decider.evolve, this.of(key) as DeliveryState));
    for (const event of events) if ('command' in event) this.commands.push(event.command);
    return this.happened(serviceEvents);
  }

  order(input: ServiceInput): this {
    return this.happened(operateService(this.service, input));
  }

  private happened(events: readonly ServiceEvent[]): this {
    this.service = events.reduce(evolveService, this.service);
    this.log.push(...events);
    return this;
  }
}

const CONTROL = aSpec().variants['control']!;
const stepping = (steps: number) => ({ ...CONTROL, config: { ...CONTROL.config, steps } });
const fingerprint = (steps: number): string => `steps-${steps}`;
const applied = (key: string, slot: string | undefined, steps: number, minute: number, control = CONTROL) => {
  const spec: ExperimentSpec = {
    ...aSpec({ key, variants: { control, candidate: stepping(steps) } }),
    ...(slot === undefined ? {} : { slot }),
  };
  const fingerprints = { control: fingerprint(control.config['steps'] as number), candidate: fingerprint(steps) };
  return define(minutes(minute), spec, { fingerprints });
};
const proven = (key: string, minute: number, revision = 1) =>
  analysed(minutes(minute), [provenUpTo('alignment', MILLION), provenUpTo('error-rate', MILLION)], {
    experiment: key,
    revision,
  });
const harm = (key: string, minute: number, revision = 1) =>
  analysed(minutes(minute), [harmful('alignment')], { experiment: key, revision });
const orderIn = (layer: Layer | undefined, id: string) => layer?.slots.find((slot) => slot.id === id)?.order ?? null;
const two = () =>
  new Play()
    .order(dividing(0))
    .take('a', applied('a', 'portraits', 12, 1))
    .take('b', applied('b', 'scenes', 8, 2));

describe('a divided service', () => {
  it('runs an experiment in each slot, and every order tells all of its traffic', () => {
    const play = two();
    const [first, second] = play.commands;
    expect([first?.epoch, second?.epoch]).toEqual([1, 2]);
    expect(second?.layer).toMatchObject({ unit: 'user', holdoutPpm: 50_000 });
    expect(orderIn(second?.layer, 'portraits')).toMatchObject({ experiment: 'a', epoch: 1, command: 'start' });
    expect(orderIn(second?.layer, 'scenes')).toMatchObject({ experiment: 'b', epoch: 2 });
    expect(orderIn(second?.layer, 'rest')).toBeNull();
    expect(second?.standsAside).toBeUndefined();
  });

  it('has room for one experiment per slot, in slots that it has, of units that it divides, trying different things', () => {
    const play = two();
    const code = (...about: Parameters<typeof applied>): string | undefined =>
      refusalOf(() => play.take(about[0], applied(...about)))?.code;
    expect(code('c', 'scenes', 7, 3)).toBe('slot-taken');
    expect(code('c', undefined, 7, 3)).toBe('unknown-slot');
    expect(refusalOf(() => play.take('c', applied('c', 'all', 7, 3)))?.message).toContain(
      'expected slot: one of portraits, scenes, rest',
    );
    expect(code('c', 'rest', 8, 3)).toBe('tried-in-another-slot');
    expect(code('a', 'rest', 11, 3)).toBe('slot-is-fixed');
    const bySession = applied('c', 'rest', 7, 3);
    expect(refusalOf(() => play.take('c', { ...bySession, spec: { ...bySession.spec, unit: 'session' } }))?.code).toBe(
      'other-unit',
    );
    expect(code('c', 'rest', 7, 3)).toBeUndefined();
  });

  it('leaves the other slots as they are when one is rolled back, ordered again or not', () => {
    const play = two().take('b', harm('b', 3));
    const { layer } = play.commands.at(-1)!;
    expect(orderIn(layer, 'portraits')).toEqual(orderIn(play.commands[1]?.layer, 'portraits'));
    expect(orderIn(layer, 'scenes')).toMatchObject({ command: 'rollback', weightsPpm: { control: MILLION } });
    expect(play.slot('scenes').heldBy).toBeNull();
    play.take('b', {
      type: 'contested',
      atMs: minutes(4),
      commandId: 'again',
      epoch: 3,
      behind: ['router-1'],
      servedEpoch: 9,
    });
    expect(play.commands.at(-1)).toMatchObject({ epoch: 10, command: 'rollback' });
    expect(orderIn(play.commands.at(-1)?.layer, 'scenes')).toMatchObject({ epoch: 10, command: 'rollback' });
    expect(orderIn(play.commands.at(-1)?.layer, 'portraits')).toMatchObject({ experiment: 'a', epoch: 1 });
  });

  it('keeps its baseline while an experiment compares with it: a winner serves its slot until it is promoted once more', () => {
    const play = two().take('a', proven('a', 3));
    expect(play.of('a').phase).toBe('promoted');
    expect(play.service.baseline?.fingerprint).toBe(fingerprint(24));
    expect(play.slot('portraits')).toMatchObject({
      heldBy: { experiment: 'a' },
      order: { weightsPpm: { candidate: MILLION } },
    });
    const again = operator('promote', minutes(4), 'b has ended');
    const refused = refusalOf(() => play.take('a', again));
    expect(refused?.code).toBe('others-run');
    expect(refused?.message).toContain('b has to end first');
    play.take('b', operator('rollback', minutes(5)));
    expect(play.service.baseline?.fingerprint).toBe(fingerprint(24));
    play.take('a', again);
    expect(play.service).toMatchObject({ baseline: { fingerprint: fingerprint(12) } });
    expect(play.slot('portraits').heldBy).toBeNull();
    expect(play.commands.at(-1)).toMatchObject({ command: 'promote', baseline: { fingerprint: fingerprint(12) } });
    expect(orderIn(play.commands.at(-1)?.layer, 'scenes')).toBeNull();
  });

  it('never gets an old baseline back by the end of an experiment that began on it', () => {
    const play = two().take('a', proven('a', 3)).take('b', proven('b', 4));
    // Nothing else runs at b's end, so that b is the baseline at once; a goes on in its slot.
    expect(play.service.baseline?.fingerprint).toBe(fingerprint(8));
    expect(play.slot('portraits').heldBy).toMatchObject({ experiment: 'a' });
    play.take('a', operator('rollback', minutes(5)));
    expect(play.service.baseline?.fingerprint).toBe(fingerprint(8));
    expect(orderIn(play.commands.at(-1)?.layer, 'portraits')).toBeNull();
    expect(play.service.latched).toHaveProperty(fingerprint(12));
  });

  it('gets control back when its baseline is rolled back, past winners that began on the same one, not past what stands on it', () => {
    const play = two().take('a', proven('a', 3)).take('b', proven('b', 4));
    const later = refusalOf(() => play.take('b', operator('rollback', minutes(5))));
    expect(later).toBeUndefined();
    expect(play.service.baseline?.fingerprint).toBe(fingerprint(24));
    expect(play.slot('portraits').heldBy).toMatchObject({ experiment: 'a' });

    const onIt = two()
      .take('b', operator('rollback', minutes(3)))
      .take('a', proven('a', 4));
    onIt.take('c', applied('c', 'rest', 6, 5, stepping(12)));
    expect(refusalOf(() => onIt.take('a', operator('rollback', minutes(6))))?.message).toContain(
      'experiment c runs on what it left',
    );
  });

  it('changes the units of free slots alone', () => {
    const play = two();
    const refusal = (slots: typeof THIRDS, holdoutPpm?: number) =>
      refusalOf(() => play.order(dividing(3, slots, holdoutPpm)));
    expect(refusal([half('portraits', 0, 310_000)])?.code).toBe('slot-taken');
    expect(refusal([THIRDS[0]!])?.code).toBe('slot-taken');
    expect(refusal(THIRDS, 200_000)?.message).toContain(
      'rest ends at 900000 ppm, and the holdout begins at 800000 ppm',
    );
    expect(refusal([...THIRDS.slice(0, 2), half('more', 500_000, 700_000)])?.code).toBe('slots-overlap');
    expect(refusal([...THIRDS, half('rest', 900_000, 910_000)])?.message).toContain('is there twice');
    expect(operateService(play.service, dividing(3))).toEqual([]);
    play.order(dividing(3, [...THIRDS.slice(0, 2), half('rest', 650_000, 950_000)]));
    expect(play.service).toMatchObject({ epoch: 3, slots: [{ heldBy: {} }, { heldBy: {} }, { fromPpm: 650_000 }] });
    expect(new Play().order(dividing(0)).service.epoch).toBe(0);
  });

  it('is whole again, and orders are as they were, when nothing runs', () => {
    const play = two()
      .take('a', operator('rollback', minutes(3)))
      .take('b', operator('rollback', minutes(4)));
    play.order(dividing(5, [half('all', 0, MILLION)], 0));
    expect(isDivided(play.service)).toBe(false);
    play.take('c', applied('c', undefined, 6, 6));
    expect(play.commands.at(-1)).not.toHaveProperty('layer');
    expect(refusalOf(() => play.take('d', applied('d', 'scenes', 5, 7)))?.code).toBe('unknown-slot');
  });

  it('is found again in its newest order when its own log is lost', () => {
    const play = two()
      .take('a', proven('a', 3))
      .take('b', operator('pause', minutes(4)));
    const states = [...play.experiments.values()] as StartedState[];
    const found = adoptService(states, minutes(5)).reduce(evolveService, newService('text-to-image'));
    expect(found).toEqual({ ...play.service, latched: {} });
  });

  it('over random histories in three slots: one order of epochs, no unit in two experiments, no answer of what was rolled back, other slots untouched by it', () => {
    const random = simulationRandom(12);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random.uniform() * from.length)] as T;
    const seen = { rollbacks: 0, beside: 0, waiting: 0, succeeded: 0 };
    for (let history = 0; history < 30; history += 1) {
      const play = new Play().order(dividing(0));
      for (let minute = 1; minute < 70; minute += 1) {
        const key = pick(['a', 'b', 'c', 'd']);
        const { baseline } = play.service;
        const control = baseline ? { upstream: baseline.upstream, config: baseline.config } : CONTROL;
        const revision = play.experiments.has(key) ? play.of(key).revision : 1;
        const input = pick<() => DeliveryInput>([
          () =>
            applied(
              key,
              pick(['portraits', 'scenes', 'rest']),
              3 + Math.floor(random.uniform() * 15),
              minute,
              control as typeof CONTROL,
            ),
          () => proven(key, minute, revision),
          () => harm(key, minute, revision),
          () =>
            operator(
              pick(['pause', 'resume', 'promote', 'promote', 'rollback', 'new-attempt'] as const),
              minutes(minute),
            ),
        ])();
        const before = { service: play.service, commands: play.commands.length, layer: layerOf(play.service) };
        if (refusalOf(() => play.take(key, input))) continue;
        const given = play.commands.slice(before.commands);
        // The newest order alone tells what the service is.
        if (given.length > 0) expect(given.at(-1)?.layer).toEqual(layerOf(play.service));
        checkAllocation(play);
        if (play.of(key).phase === 'promoted' && play.service.slots.some(({ heldBy }) => heldBy?.experiment === key))
          seen.waiting += 1;
        if (
          input.type === 'promote' &&
          given[0]?.command === 'promote' &&
          given[0].reason === 'operator' &&
          before.service.slots.some(({ heldBy, order }) => heldBy?.experiment === key && order?.terminal)
        )
          seen.succeeded += 1;
        if (given.at(-1)?.command !== 'rollback') continue;
        seen.rollbacks += 1;
        for (const { id, order } of before.layer?.slots ?? []) {
          if (order === null || order.experiment === key || order.terminal) continue;
          seen.beside += 1;
          expect(orderIn(given.at(-1)?.layer, id)).toEqual(order);
        }
      }
      const epochs = play.commands.map(({ epoch }) => epoch);
      expect(epochs).toEqual([...new Set(epochs)].sort((left, right) => left - right));
      const stored = JSON.parse(JSON.stringify(play.log)) as unknown[];
      const read = stored.map((event) => serviceEvent.parse(event));
      expect(read.reduce(evolveService, newService('text-to-image'))).toEqual(play.service);
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  });
});

/** What holds after every order, whatever came before. */
function checkAllocation(play: Play): void {
  const { slots, baseline, latched } = play.service;
  slots.forEach(({ fromPpm }, index) => expect(fromPpm).toBeGreaterThanOrEqual(slots[index - 1]?.toPpm ?? 0));
  const holders = slots.flatMap(({ heldBy }) => heldBy?.experiment ?? []);
  expect(new Set(holders).size).toBe(holders.length);
  const active = [...play.experiments].filter(([, state]) => isActive(state)).map(([name]) => name);
  for (const name of active) {
    expect(holders).toContain(name);
    expect(play.of(name).fingerprints['control']).toBe(baseline?.fingerprint);
  }
  for (const { order } of slots) {
    if (order === null) continue;
    const { weightsPpm, lastCommand } = play.of(order.experiment);
    expect(order).toMatchObject({ epoch: lastCommand.epoch, weightsPpm });
    const served = Object.keys(weightsPpm).filter((name) => (weightsPpm[name] ?? 0) > 0);
    for (const name of served) {
      const made = play.of(order.experiment).fingerprints[name] as string;
      if (made !== baseline?.fingerprint) expect(Object.keys(latched)).not.toContain(made);
    }
  }
}
