import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows } from './insert-json-rows.js';

export async function recordPreferences(
  tx: Queryable,
  events: readonly TeststripEvent<'preference.judged.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map(({ id, data }) => ({
      event_id: id,
      experiment: data.experiment,
      revision: data.revision,
      rater: data.rater,
      prompt: data.prompt,
      left_variant: data.left.variant,
      left_generation_id: data.left.generationId,
      right_variant: data.right.variant,
      right_generation_id: data.right.generationId,
      preferred: data.preferred,
      judged_at: data.judgedAt,
    })),
  );
}

const STATEMENT = {
  name: 'record-preferences',
  sql: `
insert into teststrip.preferences
  (event_id, experiment, revision, rater, prompt, left_variant, left_generation_id, right_variant, right_generation_id,
   preferred, judged_at)
select event_id, experiment, revision, rater, prompt, left_variant, left_generation_id, right_variant, right_generation_id,
       preferred, judged_at
  from json_to_recordset($1::json) as given (event_id text, experiment text, revision integer, rater text, prompt text,
       left_variant text, left_generation_id text, right_variant text, right_generation_id text, preferred text,
       judged_at timestamptz)
on conflict (event_id) do nothing`,
};
