import type { Database } from '../../postgres/database.js';
import { armDigest } from '../../schema/fact-keys.js';

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
  readonly service: string;
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
  return reads.query<EmbeddedPicture[]>(STATEMENT, [armDigest(experiment, revision, variant), among, prompts ?? null]);
}

/** A generation has few pictures, and few of them more than one score. */
const MOST_SCORES = 16;

// A score is younger than its picture, as far as clocks agree: earlier days are not searched. The first 24 bits of its digest are the generation's. Each picture's score and
// embedding are looked up by themselves, since the tables are large and few of their rows are wanted. Postgres breaks base64 into lines.
// Of scores that another service tells under the generation's id there may be any number: they are left out before any are counted; those of before do not say whose they are.
const STATEMENT = `
select made.service, teststrip.id_of(made.generation_id) as "generationId", score.image_index as "imageIndex", made.prompt, made.seed::text as seed,
       score.document ->> 'identity' as identity,
       translate(encode(score.embedding, 'base64'), E'\\n', '') as embedding
  from (select event_digest, generation_id, prompt, seed, completed_at,
               (select document ->> 'service' from teststrip.shared_documents where digest = context) as service
          from teststrip.generation_facts
         where arm = $1
         order by completed_at desc
         limit $2) as made
  join lateral (
    select image_index, told.document,
           (select embedding from teststrip.image_embeddings
             where scored_at = given.scored_at and event_digest = given.event_digest) as embedding
      from teststrip.score_facts as given left join teststrip.shared_documents as told on told.digest = given.context
     where event_digest between (made.event_digest >> 40) << 40 and made.event_digest | 1099511627775
       and generation_id = made.generation_id and scored_at >= made.completed_at - interval '1 day'
       and coalesce(told.document ->> 'service', made.service) = made.service
     limit ${MOST_SCORES}) as score on score.embedding is not null
 where made.prompt is not null and ($3::text[] is null or made.prompt = any($3))
 order by made.completed_at desc, score.image_index`;
