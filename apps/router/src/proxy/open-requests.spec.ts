import { expect, it } from 'vitest';
import type { Assignment } from '#libs/contracts';
import { OpenRequests } from './open-requests.js';

it('counts by age what was drawn for a variant and has no end yet, and nothing else', () => {
  let nowMs = 0;
  const open = new OpenRequests(() => nowMs);
  const of = (variant: string, reason: Assignment['reason'] = 'SPLIT') =>
    open.begin({ experiment: 'sdxl', revision: 2, variant, reason } as Assignment);
  const [first] = [of('candidate'), of('candidate'), of('control', 'FALLBACK')];
  nowMs = 5_000;
  const late = of('candidate');
  of('control');
  nowMs = 6_500;
  const candidate = { experiment: 'sdxl', revision: 2, variant: 'candidate' };
  expect(open.underWay()).toEqual([
    { ...candidate, longerThan: [3, 2, 2, 0, 0, 0, 0, 0] },
    { ...candidate, variant: 'control', longerThan: [1, 0, 0, 0, 0, 0, 0, 0] },
  ]);
  first();
  first();
  late();
  expect(open.underWay()[0]).toEqual({ ...candidate, longerThan: [1, 1, 1, 0, 0, 0, 0, 0] });
});
