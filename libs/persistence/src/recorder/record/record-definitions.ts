import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows } from './insert-json-rows.js';

/** A revision is announced once, and again whenever its policy changes; what is not newer (a compacted topic read again) is a repeat. */
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
select distinct on (experiment, revision) *
  from json_populate_recordset(null::teststrip.experiment_definitions, $1::json)
 order by experiment, revision, defined_at desc
on conflict (experiment, revision) do update
   set spec = excluded.spec, defined_at = excluded.defined_at, defined_by = excluded.defined_by
 where experiment_definitions.defined_at < excluded.defined_at`,
};
