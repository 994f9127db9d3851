import { isCopy, type TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignedColumns } from './assigned-columns.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';
import { documentDigest } from './shared-documents.js';

export async function recordGenerations(
  tx: Queryable,
  events: readonly TeststripEvent<'generation.completed.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map((event) => rowOf(event)),
  );
}

function rowOf(event: TeststripEvent<'generation.completed.v1'>): object {
  const { time, data } = event;
  return {
    ...assignedColumns(event),
    generation_id: data.generationId,
    request_id: data.requestId,
    service: data.service,
    fingerprint: data.fingerprint,
    config_digest: documentDigest(data.config),
    prompt: data.prompt,
    rewritten_prompt: data.rewrittenPrompt,
    negative_prompt: data.negativePrompt,
    mode: data.mode,
    reference: data.reference,
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
  };
}

const STATEMENT = insertNewFacts('insert into teststrip.generations', 'event_digest, completed_at');
