import { describe, expect, it } from 'vitest';
import { rebuild, STATE_FORM, type DefinedState, type StartedState } from '#libs/delivery';
import type { StoredExperiment } from '#libs/persistence/decision';
import { applied, define, logOf, minutes, T0 } from '#libs/testing/delivery';
import { readStoredState, withAnswers } from './stored-state.js';

const started = rebuild(logOf(define(T0))) as StartedState;
const stored = (over: Partial<StoredExperiment> = {}): StoredExperiment =>
  ({
    key: started.experiment,
    state: JSON.parse(JSON.stringify(started)),
    stateForm: STATE_FORM,
    ...over,
  }) as StoredExperiment;

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
