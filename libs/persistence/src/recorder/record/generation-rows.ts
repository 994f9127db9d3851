import { isCopy, type TeststripEvent } from '#libs/contracts';
import { armDigest, packedId } from '../../schema/fact-keys.js';
import { CopiedTable } from './copied-table.js';
import type { FactContext } from './fact-context.js';
import { factUnit } from './fact-unit.js';

export const generationRows = new CopiedTable('copy teststrip.generation_facts', [
  'event_digest',
  'unit',
  'completed_at',
  'arm',
  'context',
  'queue_ms',
  'inference_ms',
  'total_ms',
  'gpu_seconds',
  'gpu_utilisation',
  'memory_mib',
  'cost',
  'shadow',
  'seed',
  'generation_id',
  'request_id',
  'prompt',
  'rewritten_prompt',
  'negative_prompt',
  'error',
  'image_uris',
  'image_marks',
  'images',
  'reference',
]);

export function generationRow(
  event: TeststripEvent<'generation.completed.v1'>,
  digest: string,
  context: FactContext,
): string {
  const { data } = event;
  const { assignment, timings, gpu } = data;
  const { images } = context;
  return generationRows.rowOf({
    event_digest: digest,
    unit: factUnit(event),
    completed_at: event.time,
    arm: assignment && armDigest(assignment.experiment, assignment.revision, assignment.variant),
    context: context.digest,
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
    negative_prompt: context.negativePrompt,
    error: data.error,
    image_uris: images?.uris,
    image_marks: images?.marks,
    images: images?.told,
    reference: data.reference,
  });
}
