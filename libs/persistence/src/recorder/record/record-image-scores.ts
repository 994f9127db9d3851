import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { packedId } from '../../schema/fact-keys.js';
import { contextOf } from './fact-context.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';
import { ownColumns } from './own-columns.js';

export async function recordImageScores(
  tx: Queryable,
  events: readonly TeststripEvent<'image.scored.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map((event) => rowOf(event)),
  );
}

function rowOf(event: TeststripEvent<'image.scored.v1'>): object {
  const { time, data } = event;
  return {
    ...ownColumns(event),
    scored_at: time,
    context: contextOf(event)!.digest,
    alignment: data.alignment,
    separation: data.separation,
    unknown_token_share: data.unknownTokenShare,
    seen_share: data.seenShare,
    image_index: data.imageIndex,
    generation_id: packedId(data.generationId),
    reason: data.reason,
    scored_prompt: data.scoredPrompt,
    quality: data.quality,
  };
}

const STATEMENT = insertNewFacts('insert into teststrip.score_facts', 'event_digest, scored_at');
