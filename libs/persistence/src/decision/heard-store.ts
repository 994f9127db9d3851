import type { Database } from '../postgres/database.js';
import { AnalysisHeardEntity } from '../schema/entities/analysis-heard.entity.js';

/** An experiment of which analyses arrive, and when one was heard last, to a few seconds; ms since 1970 by the database's clock. */
export interface HeardExperiment {
  readonly experiment: string;
  readonly heardAtMs: number;
}

/** Of which experiments analyses arrive. */
export interface HeardStore {
  readonly list: () => Promise<readonly HeardExperiment[]>;
  /** Notes those that were just heard, and forgets those of which no more are to come. */
  readonly note: (heard: readonly string[], silent: readonly string[]) => Promise<void>;
}

export function createHeardStore(database: Database): HeardStore {
  return {
    list: async () =>
      (await (await database.reads()).find(AnalysisHeardEntity)).map(({ experiment, heardAt }) => ({
        experiment,
        heardAtMs: heardAt.getTime(),
      })),
    async note(heard, silent) {
      await database.query(
        `with silent as (delete from teststrip.analyses_heard where experiment = any ($2::text[]))
         insert into teststrip.analyses_heard (experiment, heard_at) select unnest($1::text[]), now()
         on conflict (experiment) do update set heard_at = excluded.heard_at`,
        [heard, silent],
      );
    },
  };
}
