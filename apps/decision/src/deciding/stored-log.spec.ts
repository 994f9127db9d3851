import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BrokenLogError, EVENT_VERSION, readStoredLog, upcast } from '#libs/delivery';
import type { StoredDecisionEvent } from '#libs/persistence/decision';
import { pinnedBy } from './quarantine.js';

interface LogOfVersion {
  readonly rows: readonly StoredDecisionEvent[];
  /** What the code that wrote the rows made of them, by experiment. */
  readonly states: Readonly<Record<string, { readonly spec: object }>>;
}

const VERSION_1 = JSON.parse(
  readFileSync(new URL('stored-logs/version-1.json', import.meta.url), 'utf8'),
) as LogOfVersion;
/** Since when, and for how long, what was paused was paused. */
const PAUSES: Readonly<Record<string, object>> = {
  'is-paused': { pausedMs: 0, pausedAtMs: Date.parse('2026-11-20T10:03:00.000Z') },
  'is-second-revision': { pausedMs: 60_000 },
};
const rowsOf = (experiment: string): StoredDecisionEvent[] =>
  VERSION_1.rows.filter((row) => row.experiment === experiment);

/** Who has defined the newest revision: later code keeps that in the state. */
const appliedBy = (key: string): unknown =>
  rowsOf(key)
    .map(({ data }) => data as { readonly type: string; readonly actor: string })
    .findLast(({ type }) => type === 'defined')?.actor;

describe('a stored log', () => {
  it.each(Object.keys(VERSION_1.states))('of version 1 tells the same state as when it was written: %s', (key) => {
    const before = VERSION_1.states[key]!;
    // Version 2: a definition always says which differences matter to nobody. Later code also counts the time of pauses, and changes of the policy.
    const policy = { policy: 0, judgedSince: {} };
    const clock = PAUSES[key] ?? (key === 'is-draft' ? {} : { pausedMs: 0 });
    expect(readStoredLog(rowsOf(key))).toEqual({
      ...before,
      ...policy,
      ...clock,
      appliedBy: [appliedBy(key)],
      spec: { rope: 0.01, ...before.spec },
    });
  });

  it('tells every phase there is', () => {
    const phases = Object.keys(VERSION_1.states).map((key) => readStoredLog(rowsOf(key)).phase);
    expect(new Set(phases)).toEqual(
      new Set(['draft', 'running', 'held', 'paused', 'promoted', 'rolled-back', 'concluded']),
    );
  });

  it('of the present version is read as it is', () => {
    const [{ data }] = rowsOf('is-paused') as [StoredDecisionEvent];
    const old = { ...(data as object), definition: { spec: {} } };
    expect(upcast({ ...old, eventVersion: EVENT_VERSION })).toEqual(old);
  });

  it.each([
    [
      'a version of newer code',
      { eventVersion: EVENT_VERSION + 1 },
      /^decision event 2 \(started\) can't be read: it has version 3/,
    ],
    ['no version at all', { eventVersion: 'two' }, /^decision event 2 \(started\) can't be read: it has version two/],
    ['no command', { command: null }, /^decision event 2 \(started\) can't be read: command: /],
    ['an unknown event', { type: 'exploded' }, /^decision event 2 \(started\) can't be read: type: /],
  ])('is refused with the place of %s', (_what, change, message) => {
    const rows = rowsOf('is-running').map((row) =>
      row.sequence === 2 ? { ...row, data: { ...(row.data as object), ...change } } : row,
    );
    expect(() => readStoredLog(rows)).toThrow(BrokenLogError);
    expect(() => readStoredLog(rows)).toThrow(message);
  });

  it('is refused where an event is missing', () => {
    expect(() => readStoredLog(rowsOf('is-paused').slice(2))).toThrow(/don't follow each other/);
  });
});

describe('what is pinned', () => {
  it('is the control of the last definition and the largest epoch, whatever else is broken', () => {
    const rows = rowsOf('is-second-revision').map((row) => {
      const { definition, ...others } = row.data as { readonly definition?: { readonly spec: object } };
      return definition
        ? { ...row, data: { ...others, definition: { ...definition, spec: { ...definition.spec, holdAtMostMs: 0 } } } }
        : row;
    });
    expect(() => readStoredLog(rows)).toThrow(/holdAtMostMs/);
    expect(pinnedBy(rows)).toMatchObject({
      revision: 2,
      epoch: 5,
      service: 'text-to-image',
      control: 'control',
      variants: ['control', 'candidate'],
      lastCommand: { command: 'resume' },
    });
  });

  it('counts a command that can not be read: a rollback has to have a larger epoch than any that routers have seen', () => {
    const rows = rowsOf('is-paused').map((row) =>
      row.kind === 'paused' ? { ...row, data: { ...(row.data as object), command: 'damaged' } } : row,
    );
    expect(pinnedBy(rowsOf('is-paused')).epoch).toBe(2);
    expect(pinnedBy(rows).epoch).toBe(2);
  });

  it.each([
    ['no command at all', (data: object) => ({ ...data, command: undefined })],
    ['a reason that nobody knows', (data: any) => ({ ...data, command: { ...data.command, reason: 'schedule' } })],
  ])('takes no older command for the newest, where that has %s', (_what, damage) => {
    const rows = rowsOf('is-paused').map((row) =>
      row.kind === 'paused' ? { ...row, data: damage(row.data as object) } : row,
    );
    expect(pinnedBy(rows)).toMatchObject({ epoch: 2, lastCommand: null });
  });

  it('takes the largest epoch for the newest, and one more where the command after it claims less', () => {
    const rows = rowsOf('is-paused').map((row) => {
      const { command } = row.data as { readonly command?: object };
      const epoch = row.kind === 'started' ? 7 : 1;
      return command ? { ...row, data: { ...(row.data as object), command: { ...command, epoch } } } : row;
    });
    expect(pinnedBy(rows)).toMatchObject({ epoch: 8 });
  });

  it('is the control of the newest definition, and no command of the revision before it', () => {
    const rows = rowsOf('is-paused');
    const defined = rows[0]!;
    const { definition } = defined.data as { readonly definition: { readonly spec: { readonly variants: object } } };
    const spec = { ...definition.spec, control: 'candidate' };
    const second = { ...defined, revision: 2, data: { definition: { ...definition, revision: 2, spec } } };
    expect(pinnedBy([...rows, second])).toMatchObject({
      revision: 2,
      epoch: 2,
      control: 'candidate',
      lastCommand: null,
    });
    const unreadable = { ...second, data: {} };
    expect(pinnedBy([...rows, unreadable])).toMatchObject({
      revision: 2,
      epoch: 2,
      control: 'control',
      lastCommand: null,
    });
  });

  it('is as much as a log tells', () => {
    expect(pinnedBy([])).toEqual({
      revision: 1,
      epoch: 0,
      service: null,
      control: null,
      variants: [],
      lastCommand: null,
    });
  });
});
