import type { Database } from '../../postgres/database.js';
import { armDigest } from '../../schema/fact-keys.js';
import { GenerationView } from '../../schema/entities/generation.view.js';
import { PreferenceEntity } from '../../schema/entities/preference.entity.js';

export interface ReviewQuery {
  readonly experiment: string;
  readonly revision: number;
  readonly variant: string;
  /** So many of the newest are looked at: the cost does not grow with the history. */
  readonly among: number;
  /** Only pictures of these; absent: of any. */
  readonly prompts?: readonly string[];
}

/** The first picture of a generation, copies of shadow traffic included: people judge those as well. */
export interface ReviewPicture {
  readonly generationId: string;
  readonly prompt: string;
  /** In digits; null where nobody said it. */
  readonly seed: string | null;
}

/** What {@link readJudged} tells of one judgement. */
export type RecordedJudgement = Pick<PreferenceEntity, 'rater' | 'prompt' | 'leftVariant' | 'rightVariant'>;

/** Pictures that have a prompt, of one variant, newest first. */
export async function readReviewPictures(database: Database, query: ReviewQuery): Promise<readonly ReviewPicture[]> {
  const { experiment, revision, variant, among, prompts } = query;
  const reads = await database.reads();
  const newest = reads
    .createQueryBuilder()
    .select('made.generationId', 'generation_id')
    .addSelect('made.prompt', 'prompt')
    .addSelect('made.seed', 'seed')
    .addSelect('made.completedAt', 'completed_at')
    .from(GenerationView, 'made')
    .where({ arm: armDigest(experiment, revision, variant) })
    .andWhere(`made.outcome in ('delivered', 'cached', 'succeeded')`)
    .andWhere(`jsonb_array_length(made.images) > 0`)
    .andWhere('made.prompt is not null')
    .orderBy('made.completedAt', 'DESC')
    .limit(among);
  const found = reads
    .createQueryBuilder()
    .select('newest.*')
    .from(`(${newest.getQuery()})`, 'newest')
    .setParameters(newest.getParameters());
  if (prompts !== undefined) found.where('newest.prompt = any(:prompts)', { prompts });
  const rows = await found.orderBy('newest.completed_at', 'DESC').getRawMany<Row>();
  return rows.map(({ generation_id, prompt, seed }) => ({
    generationId: generation_id,
    prompt,
    seed: seed === null ? null : String(seed),
  }));
}

interface Row {
  readonly generation_id: string;
  readonly prompt: string;
  readonly seed: string | null;
}

/** More are a survey, not a review before a stage. */
const MOST_JUDGEMENTS = 50_000;

/** The judgements of one revision. */
export async function readJudged(
  database: Database,
  experiment: string,
  revision: number,
): Promise<readonly RecordedJudgement[]> {
  const reads = await database.reads();
  return reads.find(PreferenceEntity, {
    select: { eventId: true, rater: true, prompt: true, leftVariant: true, rightVariant: true },
    where: { experiment, revision },
    take: MOST_JUDGEMENTS,
  });
}
