import type { Database } from '../../postgres/database.js';

export interface EmbeddedPictureQuery {
  readonly experiment: string;
  readonly revision: number;
  readonly variant: string;
  /** So many of the newest generations are looked at: the cost does not grow with the history. */
  readonly among: number;
  /** Only pictures of these; absent: of any. */
  readonly prompts?: readonly string[];
}

/** A scored picture with its prompt and its embedding, copies of shadow traffic included. */
export interface EmbeddedPicture {
  readonly generationId: string;
  readonly imageIndex: number;
  readonly prompt: string;
  /** In digits; null where nobody said it. */
  readonly seed: string | null;
  /** Of model, preprocessing and engine: embeddings of different ones are never compared. */
  readonly identity: string;
  /** Float16, L2-normalised, as on the wire. */
  readonly embedding: string;
}

/** Newest first. */
export async function readEmbeddedPictures(
  database: Database,
  { experiment, revision, variant, among, prompts }: EmbeddedPictureQuery,
): Promise<readonly EmbeddedPicture[]> {
  const reads = await database.reads();
  return reads.query<EmbeddedPicture[]>(STATEMENT, [experiment, revision, variant, among, prompts ?? null]);
}

// A score is younger than its picture, as far as clocks agree: earlier days are not searched. Postgres breaks base64 into lines.
const STATEMENT = `
select made.generation_id as "generationId", score.image_index as "imageIndex", made.prompt, made.seed::text as seed,
       score.identity_digest::text as identity, translate(encode(embedded.embedding, 'base64'), E'\\n', '') as embedding
  from (select generation_id, prompt, seed, completed_at
          from teststrip.generations
         where experiment = $1 and revision = $2 and variant = $3
         order by completed_at desc
         limit $4) as made
  join teststrip.image_scores as score
    on score.generation_id = made.generation_id and score.scored_at >= made.completed_at - interval '1 day'
  join teststrip.image_embeddings as embedded using (scored_at, event_digest)
 where made.prompt is not null and ($5::text[] is null or made.prompt = any($5))
 order by made.completed_at desc, score.image_index`;
