import type { Database } from '../../postgres/database.js';
import { ImageScoreEntity } from '../../schema/entities/image-score.entity.js';
import { PictureView } from '../../schema/entities/picture.view.js';

export interface PictureQuery {
  readonly experiment: string;
  readonly revision: number;
  readonly variant: string;
  /** `latest`: newest first, scored or not. `worst-aligned`: lowest alignment first among the newest scored pictures. */
  readonly order: 'latest' | 'worst-aligned';
  readonly limit: number;
}

export type RecordedPicture = PictureView;

/** Pictures of one variant with their scores. */
export function readPictures(database: Database, query: PictureQuery): Promise<readonly RecordedPicture[]> {
  const { order } = query;
  switch (order) {
    case 'latest':
      return readLatest(database, query);
    case 'worst-aligned':
      return readWorstAligned(database, query);
    default:
      return order satisfies never;
  }
}

async function readLatest(
  database: Database,
  { experiment, revision, variant, limit }: PictureQuery,
): Promise<readonly RecordedPicture[]> {
  const reads = await database.reads();
  return reads.find(PictureView, {
    where: { experiment, revision, variant },
    order: { completedAt: 'desc', imageIndex: 'asc' },
    take: limit,
  });
}

/** What is wrong now, at a cost that does not grow with the history. */
const NEWEST_SCORES = 500;

async function readWorstAligned(
  database: Database,
  { experiment, revision, variant, limit }: PictureQuery,
): Promise<readonly RecordedPicture[]> {
  const reads = await database.reads();
  const newest = reads
    .createQueryBuilder()
    .select('score.generationId', 'generation_id')
    .addSelect('score.imageIndex', 'image_index')
    .addSelect('score.alignment', 'alignment')
    .from(ImageScoreEntity, 'score')
    .where({ experiment, revision, variant })
    .orderBy('score.scoredAt', 'DESC')
    .limit(NEWEST_SCORES);
  return reads
    .createQueryBuilder(PictureView, 'picture')
    .innerJoin(
      (worst) =>
        worst
          .select('newest.*')
          .from(`(${newest.getQuery()})`, 'newest')
          .where('newest.alignment is not null')
          .orderBy('newest.alignment')
          .limit(limit),
      'worst',
      'worst.generation_id = picture.generationId and worst.image_index = picture.imageIndex',
    )
    .setParameters(newest.getParameters())
    .orderBy('worst.alignment')
    .getMany();
}
