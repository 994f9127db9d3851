import type { MigrationInterface, QueryRunner } from 'typeorm';
import { IMAGE_SCORES as SCORES_OF_BEFORE, PICTURES as PICTURES_OF_BEFORE } from './1790000000092-packed-facts.js';
import { createView, dropView } from './create-view.js';

/** A score is of a picture of its own service: ids of generations are their services'. Scores of before do not say which service they are of, and count for whichever has the generation. */
export class ScoresByService1790000000098 implements MigrationInterface {
  readonly name = 'ScoresByService1790000000098';

  async up(runner: QueryRunner): Promise<void> {
    await replaceViews(runner, IMAGE_SCORES, PICTURES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await replaceViews(runner, SCORES_OF_BEFORE, PICTURES_OF_BEFORE);
  }
}

async function replaceViews(runner: QueryRunner, scores: string, pictures: string): Promise<void> {
  await dropView(runner, 'pictures');
  await dropView(runner, 'image_scores');
  await createView(runner, 'image_scores', scores);
  await createView(runner, 'pictures', pictures);
}

const IMAGE_SCORES = `
select score.event_digest, teststrip.id_of(score.generation_id) as generation_id, score.image_index,
       context.document ->> 'experiment' as experiment, (context.document ->> 'revision')::integer as revision,
       context.document ->> 'variant' as variant, score.unit, context.document ->> 'outcome' as outcome, score.reason,
       score.alignment, score.separation, score.quality, (context.document ->> 'blank')::boolean as blank,
       context.document ->> 'blankKind' as blank_kind, score.scored_prompt,
       (context.document ->> 'promptTruncated')::boolean as prompt_truncated,
       (context.document ->> 'promptWindows')::integer as prompt_windows, score.unknown_token_share,
       (context.document ->> 'promptClass')::integer as prompt_class, score.seen_share,
       nullif(context.document -> 'decoding', 'null') as decoding, context.document -> 'identity' as identity, score.scored_at,
       score.context, context.document ->> 'service' as service
  from teststrip.score_facts as score
  left join teststrip.shared_documents as context on context.digest = score.context`;

const PICTURES = `
select made.experiment, made.revision, made.variant, made.arm, made.event_digest, made.generation_id,
       (image.position - 1)::integer as image_index, made.request_id, made.prompt, made.seed, (image.value ->> 'width')::integer as width,
       (image.value ->> 'height')::integer as height, image.value ->> 'sha256' as sha256, made.completed_at,
       case when score.event_digest is not null then json_build_object('outcome', score.outcome, 'reason', score.reason,
         'alignment', score.alignment, 'quality', score.quality, 'blank', score.blank) end as score
  from teststrip.generations as made
 cross join jsonb_array_elements(made.images) with ordinality as image (value, position)
  left join lateral (
    select * from teststrip.image_scores
     where event_digest between (made.event_digest >> 40) << 40 and made.event_digest | 1099511627775
       and generation_id = made.generation_id and image_index = image.position - 1
       and scored_at >= made.completed_at - interval '1 day' and coalesce(service, made.service) = made.service
     order by scored_at desc
     limit 1) as score on true
 where not made.shadow and made.outcome in ('delivered', 'cached', 'succeeded')`;
