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
insert into teststrip.experiment_definitions (experiment, revision, spec, fingerprints, defined_at, defined_by)
select experiment, revision, spec, fingerprints, defined_at, defined_by
  from json_to_recordset($1::json) as given (experiment text, revision integer, spec jsonb, fingerprints jsonb,
       defined_at timestamptz, defined_by text)
on conflict (experiment, revision) do nothing`,
};
