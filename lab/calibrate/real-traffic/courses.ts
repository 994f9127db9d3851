import type { RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import type { SimulatedTraffic } from '#libs/testing/traffic';
import { shareAt } from '../cells.js';
import type { WorseBy } from './looks.js';
import type { RealTrafficRow } from './row.js';

/** What is true of the candidate, and the share that it has over a run. */
export interface Course {
  readonly truth: WorseBy;
  readonly share: '50 %' | 'ramp';
}

const SHARES = { '50 %': '50 %', 'a ramp 1 to 50 %': 'ramp' } as const;

/** A situation in each course of a run. */
export function rowsOf(
  what: string,
  play: (plan: Course, requests: number, random: SimulationRandom) => ReturnType<RealTrafficRow['run']>,
): readonly RealTrafficRow[] {
  return (['no effect', 'at the margin'] as const).flatMap((truth) =>
    Object.entries(SHARES).map(([named, share]) => ({
      name: `${what}, ${named}, ${truth}`,
      run: (requests, random) => play({ truth, share }, requests, random),
    })),
  );
}

/** Events of each of the next requests, of which the candidate has its share at that part of the run. */
export function requestsOf(
  traffic: SimulatedTraffic,
  share: Course['share'],
  requests: number,
): readonly (readonly RequestEvent[])[] {
  traffic.candidateShare = shareAt(share, 0);
  return Array.from({ length: requests }, (_, request) => {
    const now = shareAt(share, request / requests);
    if (now !== traffic.candidateShare) traffic.rampTo(now);
    return traffic.next();
  });
}
