import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows } from './insert-json-rows.js';

/** A revision is announced once and never changes; later announcements of it (a compacted topic read again) are repeats. */
export async function recordDefinitions(
  tx: Queryable,
  events: readonly TeststripEvent<'experiment.defined.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map(({ data }) => ({
      experiment: data.experiment,
      revision: data.revision,
      spec: data.spec,
      fingerprints: data.fingerprints,
      defined_at: data.definedAt,
      defined_by: data.definedBy,
    })),
  );
}

const STATEMENT = {
  name: 'record-definitions',
  sql: `
insert into teststrip.experiment_definitions
select * from json_populate_recordset(null::teststrip.experiment_definitions, $1::json)
on conflict (experiment, revision) do nothing`,
};
