import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignmentColumns } from './assignment-columns.js';
import { insertJsonRows } from './insert-json-rows.js';

export async function recordImageScores(
  tx: Queryable,
  events: readonly TeststripEvent<'image.scored.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map(({ id, time, data }) => ({
      event_id: id,
      generation_id: data.generationId,
      image_index: data.imageIndex,
      request_id: data.requestId,
      service: data.service,
      ...assignmentColumns(data.assignment),
      image_uri: data.image.uri,
      image_sha256: data.image.sha256,
      outcome: data.outcome,
      reason: data.reason,
      alignment: data.alignment,
      quality: data.quality,
      blank: data.blank,
      embedding: data.embedding,
      prompt_truncated: data.promptTruncated,
      identity: data.identity,
      scored_at: time,
    })),
  );
}

const STATEMENT = {
  name: 'record-image-scores',
  sql: `
insert into teststrip.image_scores
  (event_id, generation_id, image_index, request_id, service, experiment, revision, variant, unit, image_uri, image_sha256,
   outcome, reason, alignment, quality, blank, embedding, prompt_truncated, identity, scored_at)
select event_id, generation_id, image_index, request_id, service, experiment, revision, variant, unit, image_uri,
       image_sha256, outcome, reason, alignment, quality, blank, decode(embedding, 'base64'), prompt_truncated, identity,
       scored_at
  from json_to_recordset($1::json) as given (event_id text, generation_id text, image_index integer, request_id text,
       service text, experiment text, revision integer, variant text, unit text, image_uri text, image_sha256 text,
       outcome text, reason text, alignment double precision, quality jsonb, blank boolean, embedding text,
       prompt_truncated boolean, identity jsonb, scored_at timestamptz)
on conflict (event_id) do nothing`,
};
