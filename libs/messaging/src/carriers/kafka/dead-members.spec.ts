import { describe, expect, it } from 'vitest';
import { Deaths } from './dead-members.js';

describe('a member of a group', () => {
  it('that was seen alive is dead at the first look at which it is missing, also while others join', () => {
    const deaths = new Deaths();
    expect(deaths.look({ members: ['a'], missing: [], isSettled: true })).toEqual([]);
    expect(deaths.look({ members: ['a', 'new'], missing: ['a', 'new'], isSettled: false })).toEqual(['a']);
    // It could not be signed off.
    expect(deaths.look({ members: ['a', 'new'], missing: ['a', 'new'], isSettled: false })).toEqual(['a']);
  });

  it('that was never seen alive may be joining: it is dead when it is missing twice in a row in a group that is settled', () => {
    const deaths = new Deaths();
    const look = (isSettled: boolean, missing = ['a']) => deaths.look({ members: ['a'], missing, isSettled });
    expect([look(false), look(false), look(true), look(false), look(true)]).toEqual([[], [], [], [], []]);
    expect(look(true)).toEqual(['a']);
  });

  it('that has entered meanwhile is none that is missing', () => {
    const deaths = new Deaths();
    expect(deaths.look({ members: ['a'], missing: ['a'], isSettled: true })).toEqual([]);
    expect(deaths.look({ members: ['a'], missing: [], isSettled: true })).toEqual([]);
    expect(deaths.look({ members: ['a'], missing: [], isSettled: true })).toEqual([]);
  });
});
