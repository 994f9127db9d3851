import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rebuild, type DefinedState, type StartedState } from '#libs/delivery';
import type { StoredDecisionEvent, StoredExperiment } from '#libs/persistence/decision';
import { applied, define, logOf, minutes, T0 } from '#libs/testing/delivery';
import { readStoredLog } from './stored-log.js';
import { readStoredState, STATE_FORM, withAnswers } from './stored-state.js';

const { rows } = JSON.parse(readFileSync(new URL('stored-logs/version-1.json', import.meta.url), 'utf8')) as {
  readonly rows: StoredDecisionEvent[];
};

const started = rebuild(logOf(define(T0))) as StartedState;
const stored = (over: Partial<StoredExperiment> = {}): StoredExperiment =>
  ({
    key: started.experiment,
    state: JSON.parse(JSON.stringify(started)),
    stateForm: STATE_FORM,
    ...over,
  }) as StoredExperiment;

/** Read through schemas of their own, which say what may be missing. */
const OWN_FORM: ReadonlySet<string> = new Set(['spec', 'lastCommand', 'acknowledgements']);

/** Names of everything in a value, whatever it holds. */
function formOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [formOf(value[0])];
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, OWN_FORM.has(name) ? name : formOf(part)]),
  );
}

describe('a stored state', () => {
  it('is what the log tells', () => {
    expect(readStoredState(stored())).toEqual(started);
  });

  it.each([
    ['of another form', { stateForm: STATE_FORM + 1 }],
    ['of before forms had numbers', { stateForm: null }],
    ['that is none', { state: 'broken' }],
    ['of another experiment', { key: 'another' }],
  ])('is not read %s: the log is', (_what, over) => {
    expect(readStoredState(stored(over))).toBeUndefined();
  });

  it('has the form that its number stands for; another form needs the next number', () => {
    const experiments = [...new Set(rows.map(({ experiment }) => experiment))].sort();
    const forms = experiments.map((key) => formOf(readStoredLog(rows.filter(({ experiment }) => experiment === key))));
    const digest = createHash('sha256').update(JSON.stringify(forms)).digest('hex').slice(0, 12);
    expect([STATE_FORM, digest]).toEqual([1, '10174e6788ec']);
  });

  it('is shown with the newest answer of each router to its revision', () => {
    const { commandId, epoch } = started.lastCommand;
    const answer = (over: object) => ({ ...applied(minutes(1), { commandId, epoch }).applied, ...over });
    const shown = withAnswers(started as DefinedState, [
      answer({ router: 'a' }),
      answer({ router: 'b', outcome: 'refused', reason: 'stale-epoch' }),
      answer({ router: 'c', revision: 7 }),
      answer({ router: 'd', experiment: 'another' }),
      { router: 'e' },
    ]) as StartedState;
    expect(Object.entries(shown.acknowledgements).map(([router, { outcome }]) => [router, outcome])).toEqual([
      ['a', 'applied'],
      ['b', 'refused'],
    ]);
    const older = withAnswers({ ...shown, epoch: 9 } as DefinedState, [
      answer({ router: 'a', epoch: 0 }),
    ]) as StartedState;
    expect(older.acknowledgements['a']?.epoch).toBe(1);
  });
});
