import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignmentColumns } from './assignment-columns.js';
import { insertJsonRows } from './insert-json-rows.js';

export async function recordGenerations(
  tx: Queryable,
  events: readonly TeststripEvent<'generation.completed.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map(({ id, time, data }) => ({
      event_id: id,
      generation_id: data.generationId,
      request_id: data.requestId,
      service: data.service,
      ...assignmentColumns(data.assignment),
      fingerprint: data.fingerprint,
      config: data.config,
      prompt: data.prompt,
      seed: data.seed,
      outcome: data.outcome,
      error: data.error,
      queue_ms: data.timings.queueMs,
      inference_ms: data.timings.inferenceMs,
      total_ms: data.timings.totalMs,
      gpu_seconds: data.gpu.seconds,
      gpu_utilisation: data.gpu.utilisation,
      memory_mib: data.gpu.memoryMiB,
      cost: data.cost,
      images: data.images,
      shadow: data.shadow,
      completed_at: time,
    })),
  );
}

const STATEMENT = {
  name: 'record-generations',
  sql: `
insert into teststrip.generations
  (event_id, generation_id, request_id, service, experiment, revision, variant, unit, fingerprint, config, prompt, seed,
   outcome, error, queue_ms, inference_ms, total_ms, gpu_seconds, gpu_utilisation, memory_mib, cost, images, shadow,
   completed_at)
select event_id, generation_id, request_id, service, experiment, revision, variant, unit, fingerprint, config, prompt, seed,
       outcome, error, queue_ms, inference_ms, total_ms, gpu_seconds, gpu_utilisation, memory_mib, cost, images, shadow,
       completed_at
  from json_to_recordset($1::json) as given (event_id text, generation_id text, request_id text, service text,
       experiment text, revision integer, variant text, unit text, fingerprint text, config jsonb, prompt text,
       seed bigint, outcome text, error text, queue_ms double precision, inference_ms double precision,
       total_ms double precision, gpu_seconds double precision, gpu_utilisation double precision,
       memory_mib double precision, cost double precision, images jsonb, shadow boolean, completed_at timestamptz)
on conflict (event_id) do nothing`,
};
