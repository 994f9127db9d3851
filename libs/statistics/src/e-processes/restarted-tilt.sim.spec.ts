import { describe, it } from 'vitest';
import { expectFewFalseAlarms } from '#libs/testing/figures';
import { allowBadEvent, hitInWindow, initialRestartedTilt, lnERestarted, windowAfter } from './restarted-tilt.js';

const REQUESTS = 5_000;
const USERS = 500;
const HEAVY = 50;
/** Looks at the evidence: every so many requests. */
const LOOK_EVERY = 20;

/** The candidate's share at a request. */
const shares: Readonly<Record<string, (request: number) => number>> = {
  '5 %': () => 0.05,
  'a ramp 1 to 50 %': (request) => [0.01, 0.02, 0.05, 0.2, 0.5][Math.floor((5 * request) / REQUESTS)] as number,
};

/** Bad events by themselves, how much more frequent they are in the candidate, and what the margin allows. */
const cells = [
  { rate: 0.01, more: 0, allowed: 0 },
  { rate: 0.05, more: 0, allowed: 0 },
  { rate: 0.01, more: 0.005, allowed: 0.005 },
  { rate: 0.1, more: 0.05, allowed: 0.05 },
];

/**
 * A tenth of the users makes 60 % of the requests, some users have many times as many bad events as others, and all keep their variant
 * but for those whom the ramp moves to the candidate.
 */
describe('false alarms by the first bad events of users who come back', () => {
  const tests = cells.map(({ rate, more }) => `${rate} bad, ${more} more in the candidate, all of it allowed`);

  it.each(Object.entries(shares))('%s', (_share, at) => {
    expectFewFalseAlarms(7, tests, (random, look) => {
      const buckets = Float64Array.from({ length: USERS }, () => random.uniform());
      const frailties = Float64Array.from({ length: USERS }, () => -Math.log(1 - random.uniform()));
      const states = cells.map(() => ({
        tilt: initialRestartedTilt(),
        badIn: new Int32Array(USERS).fill(-1),
        control: { all: 0, good: 0 },
      }));
      for (let request = 0; request < REQUESTS; request++) {
        const isHeavy = random.uniform() < 0.6;
        const user = isHeavy
          ? Math.floor(HEAVY * random.uniform())
          : HEAVY + Math.floor((USERS - HEAVY) * random.uniform());
        const share = at(request);
        const isCandidate = (buckets[user] as number) < share;
        const chance = random.uniform();
        const window = windowAfter(request);
        cells.forEach(({ rate, more, allowed }, index) => {
          const { tilt, badIn, control } = states[index] as (typeof states)[number];
          const isBad = chance < rate * (frailties[user] as number) + (isCandidate ? more : 0);
          if (badIn[user] !== window) {
            const owed = Math.min(1, (allowed * (control.all + 1)) / (control.good + 1));
            const isEvent = isBad
              ? hitInWindow(tilt, window, isCandidate ? 'candidate' : 'control', share)
              : !isCandidate && allowBadEvent(tilt, window, owed, share);
            if (isEvent) badIn[user] = window;
          }
          if (!isCandidate) control.all += 1;
          if (!isCandidate && !isBad) control.good += 1;
          if (request % LOOK_EVERY === 0) look(index, lnERestarted(tilt, 0));
        });
      }
    });
  });
});
