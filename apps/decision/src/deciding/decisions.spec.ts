import { expect, it, vi } from 'vitest';
import { decider, newService, type DeliveryEvent } from '#libs/delivery';
import { analysed, define, HEALTHY, logOf, minutes, T0 } from '#libs/testing/delivery';
import type { DecisionLog } from './decision-log.js';
import { Decisions } from './decisions.js';

const SILENT_AFTER_MS = 60_000;
const nobody = (): undefined => undefined;
const listener = { decided: nobody, quarantined: nobody, parked: nobody, unreadable: nobody };

function fail(error: Error): never {
  throw error;
}

/** A controller that starts at `startedAtMs` and has an experiment that runs since T0, of which an analysis was heard at `heardAtMs`. */
async function restartedAt(startedAtMs: number, heardAtMs: number) {
  const clock = { atMs: startedAtMs, nowMs: () => clock.atMs };
  const state = logOf(define(T0)).reduce(decider.evolve, decider.initialState);
  const service = newService('text-to-image');
  const decided: DeliveryEvent[] = [];
  const log = {
    keys: async () => ['sdxl-int8'],
    load: async () => ({ state, version: 1 }),
    serviceNames: async () => [],
    loadService: async () => ({ state: service, version: 1, untold: [] }),
    heard: { list: async () => [{ experiment: 'sdxl-int8', heardAtMs }] },
    append: async (_known: unknown, events: readonly DeliveryEvent[]) => {
      decided.push(...events);
      return { version: 2 };
    },
  } as unknown as DecisionLog;
  const decisions = new Decisions(log, clock, listener, { underWayOf: () => undefined });
  await decisions.restart(fail);
  return async (atMs: number): Promise<readonly string[]> => {
    clock.atMs = atMs;
    decisions.tick(SILENT_AFTER_MS, fail);
    await decisions.idle();
    return decided.map(({ type }) => type);
  };
}

it('silence counts from the last analysis, however often controllers are started meanwhile', async () => {
  const typesAt = await restartedAt(minutes(10), minutes(10) - 30_000);
  expect(await typesAt(minutes(10) + 29_000)).toEqual([]);
  expect(await typesAt(minutes(10) + 30_000)).toEqual(['held']);
});

it('where everything was away for long, the first analysis has ten seconds to come', async () => {
  const typesAt = await restartedAt(minutes(10), minutes(2));
  expect(await typesAt(minutes(10) + 9_000)).toEqual([]);
  expect(await typesAt(minutes(10) + 10_000)).toEqual(['held']);
});

/** A controller at T0 that nobody has told of an experiment; what is noted as heard is what the next one would begin with. */
async function beginsAtT0() {
  const clock = { atMs: T0, nowMs: () => clock.atMs };
  const decided: DeliveryEvent[] = [];
  const log = {
    keys: async () => [],
    load: async () => ({ state: decider.initialState, version: 0 }),
    serviceNames: async () => [],
    loadService: async () => ({ state: newService('text-to-image'), version: 0, untold: [] }),
    heard: { list: async () => [], note: async (...heard: string[][]) => void noted.push(heard) },
    append: async (_known: unknown, events: readonly DeliveryEvent[]) => {
      decided.push(...events);
      return { version: decided.length };
    },
  } as unknown as DecisionLog;
  const noted: string[][][] = [];
  const decisions = new Decisions(log, clock, listener, { underWayOf: () => undefined });
  await decisions.restart(fail);
  const typesAt = async (atMs: number): Promise<readonly string[]> => {
    clock.atMs = atMs;
    decisions.tick(SILENT_AFTER_MS, fail);
    await decisions.idle();
    return decided.map(({ type }) => type);
  };
  return { decisions, typesAt, noted };
}

it('an analyzer that is dead from the start is a silence: the analysis that answers a definition is missed', async () => {
  const { decisions, typesAt, noted } = await beginsAtT0();
  await decisions.order('cheaper-sampler', define(T0));
  expect(await typesAt(T0 + 59_000)).toEqual(['defined', 'started']);
  // Controllers that start later miss it as well.
  await decisions.noteHeard(['cheaper-sampler']);
  expect(noted).toEqual([[['cheaper-sampler'], []]]);
  expect(await typesAt(T0 + 60_000)).toEqual(['defined', 'started', 'held']);
});

it('an experiment without traffic, of which the analyzer has said so, is held by no silence', async () => {
  const { decisions, typesAt } = await beginsAtT0();
  await decisions.order('cheaper-sampler', define(T0));
  const health = { ...HEALTHY, staleness: { ...HEALTHY.staleness, status: 'no-traffic' as const } };
  await decisions.analysed(analysed(T0 + 100, [], { health }).analysis);
  expect(await typesAt(minutes(60))).toEqual(['defined', 'started']);
});

it('an experiment whose log the database does not give stops no other, is missed, and is read as soon as it can be', async () => {
  const clock = { atMs: minutes(1), nowMs: () => clock.atMs };
  const state = logOf(define(T0)).reduce(decider.evolve, decider.initialState);
  let isLost = true;
  const log = {
    keys: async () => ['lost', 'sdxl-int8'],
    load: async (key: string) => {
      if (key === 'lost' && isLost) throw new Error('could not read block 7');
      return { state, version: 1 };
    },
    serviceNames: async () => [],
    loadService: async () => ({ state: newService('text-to-image'), version: 1, untold: [] }),
    heard: { list: async () => [] },
  } as unknown as DecisionLog;
  const decisions = new Decisions(log, clock, listener, { underWayOf: () => undefined });
  const failures: string[] = [];
  await decisions.restart(({ message }) => failures.push(message));
  expect(failures).toContain('lost: could not read block 7');
  expect(decisions.running()).toEqual(['sdxl-int8']);
  expect(decisions.longestDue()).toEqual({ experiment: 'lost', sinceMs: minutes(1) });
  isLost = false;
  decisions.tick(SILENT_AFTER_MS, fail);
  await decisions.idle();
  expect(decisions.running()).toEqual(['sdxl-int8', 'lost']);
  await vi.waitFor(() => expect(decisions.longestDue()).toBeUndefined());
});
