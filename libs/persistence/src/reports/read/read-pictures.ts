import type { Database } from '../../postgres/database.js';
import { armDigest } from '../../schema/fact-keys.js';
import { PictureView } from '../../schema/entities/picture.view.js';

export interface PictureQuery {
  readonly experiment: string;
  readonly revision: number;
  readonly variant: string;
  /** `latest`: newest first, scored or not. `worst-aligned`: lowest alignment first among the newest pictures. */
  readonly order: 'latest' | 'worst-aligned';
  readonly limit: number;
}

export type RecordedPicture = Omit<PictureView, 'arm' | 'eventDigest'>;

/** Pictures of one variant with their scores. */
export async function readPictures(database: Database, query: PictureQuery): Promise<readonly RecordedPicture[]> {
  const found = await read(database, query);
  return found.map(({ arm: _arm, eventDigest: _digest, ...picture }) => picture);
}

function read(database: Database, query: PictureQuery): Promise<readonly PictureView[]> {
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
): Promise<readonly PictureView[]> {
  const reads = await database.reads();
  return reads.find(PictureView, {
    where: { arm: armDigest(experiment, revision, variant) },
    order: { completedAt: 'desc', imageIndex: 'asc' },
    take: limit,
  });
}

/** What is wrong now, at a cost that does not grow with the history. */
const NEWEST_PICTURES = 2_000;

async function readWorstAligned(
  database: Database,
  { experiment, revision, variant, limit }: PictureQuery,
): Promise<readonly PictureView[]> {
  const reads = await database.reads();
  const newest = reads
    .createQueryBuilder()
    .select('made.event_digest', 'event_digest')
    .addSelect('made.completed_at', 'completed_at')
    .addSelect('made.image_index', 'image_index')
    .addSelect(`(made.score ->> 'alignment')::real`, 'alignment')
    .from(PictureView, 'made')
    .where({ arm: armDigest(experiment, revision, variant) })
    .orderBy('made.completed_at', 'DESC')
    .limit(NEWEST_PICTURES);
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
      'worst.event_digest = picture.eventDigest and worst.completed_at = picture.completedAt and worst.image_index = picture.imageIndex',
    )
    .setParameters(newest.getParameters())
    .orderBy('worst.alignment')
    .getMany();
}
