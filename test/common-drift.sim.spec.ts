/** @module-tag long */
import { describe, expect, it } from 'vitest';
import { playExperiment } from '#libs/testing/delivery';
import type { CommonDrift } from '../lab/calibrate/canary-traffic.js';
import { denseService } from '../lab/calibrate/dense-service.js';
import { canaryFrom } from '../lab/calibrate/whole-rule.js';

/** Of 24 runs 21, 19 and 23 are promoted; of so few the bound leaves room for chance. */
const RUNS = 5;
const AT_LEAST = 3;
/** With the usual guardrails at the usual margins, from 1 %. */
const experiment = canaryFrom(10_000);

/** How many of the runs end in a promotion within 40,000 requests. */
function promoted(drift: CommonDrift): number {
  const plays = Array.from({ length: RUNS }, (_, run) =>
    playExperiment(denseService({ seed: 400 + run, definition: experiment, candidate: {}, drift }), {
      definition: experiment,
      mostRequests: 40_000,
    }),
  );
  return plays.filter(({ phase }) => phase === 'promoted').length;
}

describe('an equal candidate, while both variants drift together', () => {
  it.each<readonly [string, CommonDrift]>([
    [
      'swing by four standard deviations, up and down in 10,000 requests',
      (n) => 4 * Math.sin((2 * Math.PI * n) / 10_000),
    ],
    ['rise by four standard deviations in 40,000 requests', (n) => n / 10_000],
    ['jump by two standard deviations with every 5,000 requests, up and down', (n) => (Math.floor(n / 5_000) % 2) * 2],
  ])('is promoted in most runs whose values %s', (_what, drift) => {
    expect(promoted(drift)).toBeGreaterThanOrEqual(AT_LEAST);
  });
});
