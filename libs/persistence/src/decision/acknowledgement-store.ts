import type { Database } from '../postgres/database.js';
import { AcknowledgementEntity } from '../schema/entities/acknowledgement.entity.js';

interface Acknowledgement {
  readonly experiment: string;
  readonly router: string;
  readonly epoch: number;
  /** JSON value. */
  readonly answer: unknown;
}

/** What routers answered to the newest order about each experiment. */
export interface AcknowledgementStore {
  /** Keeps an answer, unless the router has answered a newer order; answers to older orders are forgotten. */
  readonly keep: (acknowledgement: Acknowledgement) => Promise<void>;
  /** Of one experiment or of all, by experiment and router; parse `answer` at the door. */
  readonly list: (experiment?: string) => Promise<readonly Acknowledgement[]>;
}

export function createAcknowledgementStore(database: Database): AcknowledgementStore {
  return {
    keep: (acknowledgement) => keep(database, acknowledgement),
    list: async (experiment) =>
      (await database.reads()).find(AcknowledgementEntity, {
        order: { experiment: 'asc', router: 'asc' },
        ...(experiment === undefined ? {} : { where: { experiment } }),
      }),
  };
}

async function keep(database: Database, { experiment, router, epoch, answer }: Acknowledgement): Promise<void> {
  await database.query(
    `with old as (delete from teststrip.acknowledgements where experiment = $1 and epoch < $3 and router <> $2)
     insert into teststrip.acknowledgements (experiment, router, epoch, answer) values ($1, $2, $3, $4::jsonb)
     on conflict (experiment, router) do update
        set epoch = excluded.epoch, answer = excluded.answer, recorded_at = now()
      where acknowledgements.epoch <= excluded.epoch`,
    [experiment, router, epoch, JSON.stringify(answer)],
  );
}
