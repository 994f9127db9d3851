import { isCopy, type TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { armDigest, packedId } from '../../schema/fact-keys.js';
import { contextOf } from './fact-context.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';
import { ownColumns } from './own-columns.js';

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
  const { assignment, timings, gpu } = data;
  const { digest, images, negativePrompt } = contextOf(event)!;
  return {
    ...ownColumns(event),
    completed_at: time,
    arm: assignment && armDigest(assignment.experiment, assignment.revision, assignment.variant),
    context: digest,
    queue_ms: timings.queueMs,
    inference_ms: timings.inferenceMs,
    total_ms: timings.totalMs,
    gpu_seconds: gpu.seconds,
    gpu_utilisation: gpu.utilisation,
    memory_mib: gpu.memoryMiB,
    cost: data.cost,
    shadow: data.shadow || (assignment !== null && isCopy(assignment)),
    seed: data.seed,
    generation_id: packedId(data.generationId),
    request_id: packedId(data.requestId),
    prompt: data.prompt,
    rewritten_prompt: data.rewrittenPrompt,
    negative_prompt: negativePrompt,
    error: data.error,
    image_uris: images?.uris,
    image_marks: images?.marks,
    images: images?.told,
    reference: data.reference,
  };
}

const STATEMENT = insertNewFacts('insert into teststrip.generation_facts', 'event_digest, completed_at');
