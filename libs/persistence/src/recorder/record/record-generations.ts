import { isCopy, type TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignmentColumns } from './assignment-columns.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';

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
      shadow: data.shadow || (data.assignment !== null && isCopy(data.assignment)),
      completed_at: time,
    })),
  );
}

const STATEMENT = insertNewFacts('insert into teststrip.generations');
