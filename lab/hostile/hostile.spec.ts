/** @module-tag long */
import { expect, it } from 'vitest';
import { seededRandom } from '#libs/scenes';
import { hostileCases } from './cases.js';
import { findingsOf } from './findings.js';
import { playHostile } from './play.js';

const MIB = 1024 * 1024;

it('every hostile picture gets its row or goes to the dead letters, in bounded memory, and no good one waits for it', async () => {
  const random = seededRandom(7);
  const cases = await hostileCases(100, () => random.uniform());
  const run = await playHostile(cases, {
    modelDirectory: 'models/scenes-clip',
    timeoutMs: 1_500,
    deadlineMs: 3_000,
    maxBytes: 8 * MIB,
  });
  expect(findingsOf(cases, run, { goodWithinMs: 10_000, allWithinMs: 25_000, grownBytes: 500 * MIB })).toEqual([]);
}, 60_000);
