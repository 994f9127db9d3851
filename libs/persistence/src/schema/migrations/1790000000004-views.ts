import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createView, dropView } from './create-view.js';

/** What the reports read as a whole: the newest definitions, and the pictures with their scores. */
export class Views1790000000004 implements MigrationInterface {
  readonly name = 'Views1790000000004';

  async up(runner: QueryRunner): Promise<void> {
    await createView(runner, 'newest_definitions', NEWEST_DEFINITIONS);
    await createView(runner, 'pictures', PICTURES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropView(runner, 'pictures');
    await dropView(runner, 'newest_definitions');
  }
}

const NEWEST_DEFINITIONS = `
select distinct on (experiment) experiment, revision, spec, fingerprints, defined_at, defined_by
  from teststrip.experiment_definitions
 order by experiment, revision desc`;

const PICTURES = `
select made.experiment, made.revision, made.variant, made.generation_id, (image.position - 1)::integer as image_index,
       made.request_id, made.prompt, made.seed, (image.value ->> 'width')::integer as width,
       (image.value ->> 'height')::integer as height, image.value ->> 'sha256' as sha256, made.completed_at,
       case when score.event_id is not null then json_build_object('outcome', score.outcome, 'reason', score.reason,
         'alignment', score.alignment, 'quality', score.quality, 'blank', score.blank) end as score
  from teststrip.generations as made
 cross join jsonb_array_elements(made.images) with ordinality as image (value, position)
  left join lateral (
    select * from teststrip.image_scores
     where generation_id = made.generation_id and image_index = image.position - 1
     order by scored_at desc
     limit 1) as score on true
 where not made.shadow and made.outcome = 'succeeded'`;
