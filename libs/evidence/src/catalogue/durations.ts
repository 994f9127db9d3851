import type { DataOf } from '#libs/contracts';
import type { Observed } from './definition.js';

/**
 * A request that timed out, or whose client gave up waiting, never got what it waited for. A failed one is the error rate's
 * business; how fast it failed is no latency.
 */
export function latencyMs({ outcome, durationMs }: DataOf<'request.routed.v1'>): Observed {
  switch (outcome) {
    case 'delivered':
    case 'cached':
      return durationMs ?? 'never-came';
    case 'timed-out':
    case 'cancelled':
      return 'never-came';
    case 'filtered':
    case 'refused':
    case 'caller-error':
    case 'server-error':
    case 'failed-inside-2xx':
      return null;
    default:
      return outcome satisfies never;
  }
}

/** Time on the GPU of a generation that delivered; one that did not says nothing of how long it would have taken. */
export function inferenceMs({ outcome, timings }: DataOf<'generation.completed.v1'>): Observed {
  return outcome === 'delivered' ? timings.inferenceMs : null;
}
