import type { TeststripEvent } from '#libs/contracts';
import { packedId } from '../../schema/fact-keys.js';
import { CopiedTable } from './copied-table.js';
import { factUnit } from './fact-unit.js';

type Score = TeststripEvent<'image.scored.v1'>;

export const scoreRows = new CopiedTable('copy teststrip.score_facts', [
  'event_digest',
  'unit',
  'scored_at',
  'context',
  'alignment',
  'separation',
  'unknown_token_share',
  'seen_share',
  'image_index',
  'generation_id',
  'reason',
  'scored_prompt',
  'quality',
]);

export function scoreRow(event: Score, digest: string, context: string): string {
  const { data } = event;
  return scoreRows.rowOf({
    event_digest: digest,
    unit: factUnit(event),
    scored_at: event.time,
    context,
    alignment: data.alignment,
    separation: data.separation,
    unknown_token_share: data.unknownTokenShare,
    seen_share: data.seenShare,
    image_index: data.imageIndex,
    generation_id: packedId(data.generationId),
    reason: data.reason,
    scored_prompt: data.scoredPrompt,
    quality: data.quality,
  });
}

export const embeddingRows = new CopiedTable('copy teststrip.image_embeddings', [
  'event_digest',
  'scored_at',
  'embedding',
]);

/** The embedding of a score, under its key; undefined where it has none. */
export function embeddingRow({ time, data: { embedding } }: Score, digest: string): string | undefined {
  if (embedding === null) return undefined;
  // From base64 to what Postgres reads as bytea.
  const bytes = `\\x${Buffer.from(embedding, 'base64').toString('hex')}`;
  return embeddingRows.rowOf({ event_digest: digest, scored_at: time, embedding: bytes });
}
