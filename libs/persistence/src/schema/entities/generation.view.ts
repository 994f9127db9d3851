import { ViewColumn, ViewEntity } from 'typeorm';
import type { Image } from '#libs/contracts';
import { DIGITS_20 } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** What an inference service says of one generation: `generation.completed.v1`. */
@ViewEntity({
  schema: SCHEMA,
  name: 'generations',
  expression: `
select made.event_digest, made.arm, teststrip.id_of(made.generation_id) as generation_id,
       teststrip.id_of(made.request_id) as request_id, context.document ->> 'service' as service,
       context.document ->> 'experiment' as experiment, (context.document ->> 'revision')::integer as revision,
       context.document ->> 'variant' as variant, made.unit, context.document ->> 'fingerprint' as fingerprint,
       context.document -> 'config' as config, made.prompt, made.rewritten_prompt,
       coalesce(made.negative_prompt, context.document ->> 'negativePrompt') as negative_prompt,
       context.document ->> 'mode' as mode, made.reference, made.seed, context.document ->> 'outcome' as outcome, made.error,
       made.queue_ms, made.inference_ms, made.total_ms, made.gpu_seconds, made.gpu_utilisation, made.memory_mib, made.cost,
       coalesce(
         made.images,
         (select jsonb_agg(
            image.value || jsonb_build_object(
              'uri', replace(coalesce(made.image_uris ->> (image.position - 1)::integer, image.value ->> 'uri'), chr(1),
                teststrip.id_of(made.generation_id)),
              'sha256', nullif(encode(substr(made.image_marks, (image.position - 1)::integer * 38 + 1, 32), 'hex'), repeat('0', 64)),
              'bytes', nullif(
                ('x' || encode(substr(made.image_marks, (image.position - 1)::integer * 38 + 33, 6), 'hex'))::bit(48)::bigint,
                281474976710655))
            order by image.position)
           from jsonb_array_elements(context.document -> 'images') with ordinality as image (value, position)),
         '[]') as images,
       made.shadow, made.completed_at, made.context
  from teststrip.generation_facts as made
  left join teststrip.shared_documents as context on context.digest = made.context`,
})
export class GenerationView {
  /** Two events with the same digest would be taken for one. */
  @ViewColumn({ name: 'event_digest' })
  readonly eventDigest!: string;

  /** By which the generations of a variant are found: `teststrip.arm_of(experiment, revision, variant)`. */
  @ViewColumn({ name: 'arm' })
  readonly arm!: string | null;

  @ViewColumn({ name: 'generation_id' })
  readonly generationId!: string;

  @ViewColumn({ name: 'service' })
  readonly service!: string;

  /** As the user wrote it. */
  @ViewColumn({ name: 'prompt' })
  readonly prompt!: string | null;

  @ViewColumn({ name: 'seed', transformer: DIGITS_20.transformer })
  readonly seed!: number | string | null;

  @ViewColumn({ name: 'outcome' })
  readonly outcome!: string;

  @ViewColumn({ name: 'images' })
  readonly images!: readonly Image[];

  @ViewColumn({ name: 'completed_at' })
  readonly completedAt!: Date;
}
