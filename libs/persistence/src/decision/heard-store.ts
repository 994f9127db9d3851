import type { Database } from '../postgres/database.js';
import { AnalysisHeardEntity } from '../schema/entities/analysis-heard.entity.js';

/** Of which experiments analyses arrive. */
export interface HeardStore {
  readonly list: () => Promise<readonly string[]>;
  /** Notes those that were just heard, and forgets those of which no more are to come. */
  readonly note: (heard: readonly string[], silent: readonly string[]) => Promise<void>;
}

export function createHeardStore(database: Database): HeardStore {
  return {
    list: async () => (await (await database.reads()).find(AnalysisHeardEntity)).map(({ experiment }) => experiment),
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
