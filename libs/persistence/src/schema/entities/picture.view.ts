import { ViewColumn, ViewEntity } from 'typeorm';
import { DIGITS_20 } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/**
 * Every picture that somebody was shown, with its newest score (`succeeded`: a row of before). Shadow copies are left out: nobody saw them. A score is
 * younger than its picture, as far as clocks agree, so that earlier days are not searched; the first 24 bits of its digest are the generation's, the other 40 its own.
 * What another service says under the generation's id is of another generation.
 */
@ViewEntity({
  schema: SCHEMA,
  name: 'pictures',
  expression: `
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
 where not made.shadow and made.outcome in ('delivered', 'cached', 'succeeded')`,
})
export class PictureView {
  @ViewColumn({ name: 'experiment' })
  readonly experiment!: string | null;

  @ViewColumn({ name: 'revision' })
  readonly revision!: number | null;

  @ViewColumn({ name: 'variant' })
  readonly variant!: string | null;

  /** By which the pictures of a variant are found: `teststrip.arm_of(experiment, revision, variant)`. */
  @ViewColumn({ name: 'arm' })
  readonly arm!: string | null;

  /** Of its generation's event: with `completed_at` its key. */
  @ViewColumn({ name: 'event_digest' })
  readonly eventDigest!: string;

  @ViewColumn({ name: 'generation_id' })
  readonly generationId!: string;

  /** 0 for the first picture of the generation. */
  @ViewColumn({ name: 'image_index' })
  readonly imageIndex!: number;

  @ViewColumn({ name: 'request_id' })
  readonly requestId!: string;

  @ViewColumn({ name: 'prompt' })
  readonly prompt!: string | null;

  @ViewColumn({ name: 'seed', transformer: DIGITS_20.transformer })
  readonly seed!: number | string | null;

  @ViewColumn({ name: 'width' })
  readonly width!: number | null;

  @ViewColumn({ name: 'height' })
  readonly height!: number | null;

  @ViewColumn({ name: 'sha256' })
  readonly sha256!: string | null;

  @ViewColumn({ name: 'completed_at' })
  readonly completedAt!: Date;

  /** null: not scored yet. */
  @ViewColumn({ name: 'score' })
  readonly score!: {
    readonly outcome: string;
    readonly reason: string | null;
    readonly alignment: number | null;
    readonly quality: Readonly<Record<string, number>>;
    readonly blank: boolean;
  } | null;
}
