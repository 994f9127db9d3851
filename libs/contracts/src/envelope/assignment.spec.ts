import { expect, it } from 'vitest';
import { decodeAssignment, encodeAssignment, type Assignment } from './assignment.js';

const weightsPpm = { control: 950_000, candidate: 50_000 };
const drawn: Assignment = {
  experiment: 'a',
  revision: 1,
  variant: 'control',
  control: 'control',
  unit: 'user-1',
  epoch: 3,
  stage: 0,
  propensity: 0.95,
  weightsPpm,
  reason: 'SPLIT',
  assignedAt: '2026-11-27T01:02:03.004Z',
};
const candidate: Assignment = { ...drawn, variant: 'candidate', propensity: 0.05 };
const pair = { request: 'r', candidate: 'candidate', prompt: 'p' };

it.each<[string, Assignment]>([
  ['of one unit', drawn],
  ['of the next unit', { ...drawn, unit: 'user-2', assignedAt: '2026-11-27T01:02:03.005Z' }],
  ['of another variant', candidate],
  ['under another epoch', { ...drawn, epoch: 4 }],
  ['for another reason', { ...drawn, reason: 'OVERRIDE' }],
  ['of a unit with a name that has to be escaped', { ...drawn, unit: 'zo\u00eb "x" %~~' }],
  ['of a unit that looks like what is cut out', { ...drawn, unit: '~~' }],
  ['of a pair', { ...drawn, pair }],
  ['without a time', { ...drawn, assignedAt: undefined }],
])('the header %s is its JSON, URL-encoded, the first time and later', (_what, value) => {
  for (let times = 0; times < 2; times += 1) {
    expect(encodeAssignment(value)).toBe(encodeURIComponent(JSON.stringify(value)));
    expect(decodeAssignment(encodeAssignment(value)).unit).toBe(value.unit);
  }
});
