import { expect, it } from 'vitest';
import { experimentAnswer } from '../server/answers.js';
import { waitsFor } from './standing.js';

const paused = experimentAnswer.parse({ key: 'sdxl-int8', phase: 'paused', revision: 1, service: 'images' });

it('of a pause says whose it is, and with which command it ends', () => {
  expect(waitsFor(paused, false, 0)).toEqual(['somebody has paused it: teststrip resume sdxl-int8 -r … lets it go on']);
  expect(waitsFor(paused, true, 0)).toEqual(['its service is frozen: teststrip unfreeze images -r … lets it go on']);
});

it('of an approval names the command with the reason that it asks for', () => {
  const waiting = { ...paused, phase: 'running', approvals: { awaited: 1, judgements: null } };
  expect(waitsFor(waiting, false, 0)).toEqual(['stage 2 waits for an approval: teststrip approve sdxl-int8 -r …']);
});

it('of requests without an answer says how many there are, and how many would be usual', () => {
  const unanswered = { candidate: 'int8', requests: 120, seconds: 8, expected: 3.4 };
  expect(waitsFor({ ...paused, phase: 'running', unanswered }, false, 0)).toEqual([
    '120 requests of int8 have had no answer for more than 8 s (by control it would be 3): its share does not rise before they end',
  ]);
});
