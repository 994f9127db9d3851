import { ViewColumn, ViewEntity } from 'typeorm';
import type { ImageScored } from '#libs/contracts';
import { SCHEMA } from './schema-name.js';

/** What the scorer says of one picture: `image.scored.v1`. Where the picture lies, and of which request it is, says its generation. The service is null in rows of before. */
@ViewEntity({
  schema: SCHEMA,
  name: 'image_scores',
  expression: `
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
  left join teststrip.shared_documents as context on context.digest = score.context`,
})
export class ImageScoreView {
  /** Also of the picture's embedding, with `scored_at`. Two events with the same digest would be taken for one. */
  @ViewColumn({ name: 'event_digest' })
  readonly eventDigest!: string;

  @ViewColumn({ name: 'generation_id' })
  readonly generationId!: string;

  @ViewColumn({ name: 'image_index' })
  readonly imageIndex!: number;

  @ViewColumn({ name: 'outcome' })
  readonly outcome!: ImageScored['outcome'];

  @ViewColumn({ name: 'scored_at' })
  readonly scoredAt!: Date;
}
