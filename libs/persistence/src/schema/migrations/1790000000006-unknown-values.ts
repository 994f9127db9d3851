import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createView, dropView } from './create-view.js';

const MEASURED = [
  'fingerprint',
  'prompt',
  'seed',
  'queue_ms',
  'inference_ms',
  'total_ms',
  'gpu_seconds',
  'gpu_utilisation',
  'memory_mib',
  'cost',
];

/** What a service does not report is null, a picture may be announced without a digest, and a seed may have 64 bits. */
export class UnknownValues1790000000006 implements MigrationInterface {
  readonly name = 'UnknownValues1790000000006';

  async up(runner: QueryRunner): Promise<void> {
    await dropView(runner, 'pictures');
    await runner.query(`alter table teststrip.generations alter column seed type numeric(20),
      ${MEASURED.map((column) => `alter column ${column} drop not null`).join(', ')}`);
    await runner.query('alter table teststrip.image_scores alter column image_sha256 drop not null');
    await createView(runner, 'pictures', PICTURES);
  }

  /** Rows that only this version can hold are removed. */
  async down(runner: QueryRunner): Promise<void> {
    await dropView(runner, 'pictures');
    await runner.query('delete from teststrip.image_scores where image_sha256 is null');
    await runner.query(
      `delete from teststrip.generations where seed > 9223372036854775807 or num_nulls(${MEASURED.join(', ')}) > 0`,
    );
    await runner.query('alter table teststrip.image_scores alter column image_sha256 set not null');
    await runner.query(`alter table teststrip.generations alter column seed type bigint,
      ${MEASURED.map((column) => `alter column ${column} set not null`).join(', ')}`);
    await createView(runner, 'pictures', PICTURES);
  }
}

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
 where not made.shadow and made.outcome in ('delivered', 'cached', 'succeeded')`;
