import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignedColumns } from './assigned-columns.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';
import { documentDigest } from './shared-documents.js';

export async function recordImageScores(
  tx: Queryable,
  events: readonly TeststripEvent<'image.scored.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map((event) => scoreOf(event)),
  );
}

function scoreOf(event: TeststripEvent<'image.scored.v1'>): object {
  const { time, data } = event;
  return {
    ...assignedColumns(event),
    generation_id: data.generationId,
    image_index: data.imageIndex,
    outcome: data.outcome,
    reason: data.reason,
    alignment: data.alignment,
    separation: data.separation,
    quality: data.quality,
    blank: data.blank,
    blank_kind: data.blankKind,
    scored_prompt: data.scoredPrompt,
    prompt_truncated: data.promptTruncated,
    prompt_windows: data.promptWindows,
    unknown_token_share: data.unknownTokenShare,
    prompt_class: data.promptClass,
    seen_share: data.seenShare,
    decoding: data.decoding,
    identity_digest: documentDigest(data.identity),
    scored_at: time,
  };
}

const STATEMENT = insertNewFacts('insert into teststrip.image_scores', 'event_digest, scored_at');
