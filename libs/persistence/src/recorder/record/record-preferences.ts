import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';

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

const STATEMENT = insertNewFacts('insert into teststrip.preferences');
