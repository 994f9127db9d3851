import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { eventDigest } from './digest.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';

/** Writes the embeddings of scores, under the keys of those. */
export async function recordEmbeddings(
  tx: Queryable,
  events: readonly TeststripEvent<'image.scored.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.flatMap((event) => {
      const {
        time,
        data: { embedding },
      } = event;
      if (embedding === null) return [];
      // From base64 to what Postgres reads as bytea.
      const hex = Buffer.from(embedding, 'base64').toString('hex');
      return [{ event_digest: eventDigest(event), scored_at: time, embedding: `\\x${hex}` }];
    }),
  );
}

const STATEMENT = insertNewFacts('insert into teststrip.image_embeddings', 'event_digest, scored_at');
