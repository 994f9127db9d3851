import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createView, dropView } from './create-view.js';

/** Outcomes have other names than before: rows of both kinds are pictures that somebody was shown. Stored rows stay as they were written. */
export class Outcomes1790000000005 implements MigrationInterface {
  readonly name = 'Outcomes1790000000005';

  async up(runner: QueryRunner): Promise<void> {
    await dropView(runner, 'pictures');
    await createView(runner, 'pictures', pictures(`in ('delivered', 'cached', 'succeeded')`));
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropView(runner, 'pictures');
    await createView(runner, 'pictures', pictures(`= 'succeeded'`));
  }
}

function pictures(shown: string): string {
  return `
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
 where not made.shadow and made.outcome ${shown}`;
}
