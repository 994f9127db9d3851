import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignmentColumns } from './assignment-columns.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';

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
      // From base64 to what Postgres reads as bytea.
      embedding: data.embedding === null ? null : `\\x${Buffer.from(data.embedding, 'base64').toString('hex')}`,
      prompt_truncated: data.promptTruncated,
      identity: data.identity,
      scored_at: time,
    })),
  );
}

const STATEMENT = insertNewFacts('insert into teststrip.image_scores');
