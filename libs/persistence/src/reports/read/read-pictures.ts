import type { Queryable } from '../../postgres/database.js';

export interface PictureQuery {
  readonly experiment: string;
  readonly revision: number;
  readonly variant: string;
  /** `latest`: newest first, scored or not. `worst-aligned`: lowest alignment first among the newest scored pictures. */
  readonly order: 'latest' | 'worst-aligned';
  readonly limit: number;
}

export interface RecordedPicture {
  readonly generationId: string;
  readonly imageIndex: number;
  readonly requestId: string;
  readonly prompt: string;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
  readonly completedAt: Date;
  /** null: not scored yet. */
  readonly score: {
    readonly outcome: string;
    readonly reason: string | null;
    readonly alignment: number | null;
    readonly quality: Readonly<Record<string, number>>;
    readonly blank: boolean;
  } | null;
}

/** Pictures of one variant with their scores. Shadow copies are left out: nobody was shown them. */
export async function readPictures(database: Queryable, query: PictureQuery): Promise<readonly RecordedPicture[]> {
  const { experiment, revision, variant, order, limit } = query;
  return database.query<RecordedPicture>(order === 'latest' ? LATEST : WORST, [experiment, revision, variant, limit]);
}

const FIELDS = `
  generations.generation_id as "generationId", (picture.position - 1)::integer as "imageIndex",
  generations.request_id as "requestId", generations.prompt, generations.seed,
  (picture.image ->> 'width')::integer as width, (picture.image ->> 'height')::integer as height,
  picture.image ->> 'sha256' as sha256, generations.completed_at as "completedAt",
  case when scores.event_id is not null then json_build_object('outcome', scores.outcome, 'reason', scores.reason,
    'alignment', scores.alignment, 'quality', scores.quality, 'blank', scores.blank) end as score`;

const LATEST = `
with generations as (
  select * from teststrip.generations
   where experiment = $1 and revision = $2 and variant = $3 and not shadow and outcome = 'succeeded'
   order by completed_at desc
   limit $4)
select ${FIELDS}
  from generations
  cross join jsonb_array_elements(generations.images) with ordinality as picture (image, position)
  left join lateral (
    select * from teststrip.image_scores
     where generation_id = generations.generation_id and image_index = picture.position - 1
     limit 1) as scores on true
 order by generations.completed_at desc, picture.position
 limit $4`;

/** Among the newest 500 scores only: what is wrong now, at a cost that does not grow with the history. */
const WORST = `
with scores as (
  select * from (
    select * from teststrip.image_scores
     where experiment = $1 and revision = $2 and variant = $3
     order by scored_at desc
     limit 500) as newest
   where alignment is not null
   order by alignment
   limit $4)
select ${FIELDS}
  from scores
  join teststrip.generations on generations.generation_id = scores.generation_id and not generations.shadow
  cross join lateral (
    select generations.images -> scores.image_index as image, scores.image_index + 1 as position) as picture
 order by scores.alignment
 limit $4`;
