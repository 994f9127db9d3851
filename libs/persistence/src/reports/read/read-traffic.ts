import type { RequestRouted } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';

export interface TrafficCount {
  readonly variant: string;
  readonly epoch: number;
  readonly outcome: RequestRouted['outcome'];
  readonly requests: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

/** Requests of one revision, counted by variant, epoch and outcome. */
export async function readTraffic(
  database: Queryable,
  experiment: string,
  revision: number,
): Promise<readonly TrafficCount[]> {
  return database.query<TrafficCount>(
    `select variant, epoch, outcome, requests, first_at as "firstAt", last_at as "lastAt"
       from teststrip.traffic
      where experiment = $1 and revision = $2
      order by variant, epoch, outcome`,
    [experiment, revision],
  );
}
