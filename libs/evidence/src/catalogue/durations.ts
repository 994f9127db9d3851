import type { DataOf } from '#libs/contracts';
import type { Observed } from './definition.js';

/**
 * A request that timed out, or whose client gave up waiting, never got what it waited for. A failed one is the error rate's
 * business; how fast it failed is no latency.
 */
export function latencyMs({ outcome, durationMs }: DataOf<'request.routed.v1'>): Observed {
  switch (outcome) {
    case 'succeeded':
      return durationMs ?? 'never-came';
    case 'timed-out':
    case 'cancelled':
      return 'never-came';
    case 'failed':
    case 'client-error':
      return null;
    default:
      return outcome satisfies never;
  }
}

/** Time on the GPU of a generation that succeeded; one that failed says nothing of how long it would have taken. */
export function inferenceMs({ outcome, timings }: DataOf<'generation.completed.v1'>): Observed {
  return outcome === 'succeeded' ? timings.inferenceMs : null;
}
