import { describe, expect, it } from 'vitest';
import { copartition } from './copartition-assigner.js';

const topics = new Map([
  ['commands', [0]],
  ['exposures', [0, 1, 2, 3]],
  ['scores', [3, 2, 1, 0]],
]);

describe('copartition', () => {
  it('gives partition i of every topic to the same member, whatever topics lie between', () => {
    for (const members of [['a'], ['b', 'a'], ['c', 'a', 'b']]) {
      for (const assignment of copartition(members, topics).values()) {
        expect([...(assignment['scores'] ?? [])].sort()).toEqual(assignment['exposures'] ?? []);
      }
    }
  });

  it('assigns every partition once, and names members without any', () => {
    const assignments = copartition(['a', 'b', 'c', 'd', 'e'], topics);
    expect([...assignments.values()].flatMap((assignment) => assignment['exposures'] ?? []).sort()).toEqual([
      0, 1, 2, 3,
    ]);
    expect(assignments.get('e')).toEqual({});
  });
});
