import type { DataOf } from '#libs/contracts';
import type { Observed } from './definition.js';

/**
 * How long the picture took. A request that timed out never got one: it took longer than anything. A client that left says that it would have
 * taken longer than the client waited. An answer without a picture, however fast, says nothing of how long one takes.
 */
export function latencyMs(data: DataOf<'request.routed.v1'>): Observed {
  const { outcome, durationMs } = data;
  switch (outcome) {
    case 'delivered':
    case 'cached':
      return durationMs ?? 'never-came';
    case 'timed-out':
      return 'never-came';
    case 'cancelled':
      return { moreThan: waitedMsOf(data) ?? 0 };
    case 'filtered':
    case 'refused':
    case 'caller-error':
    case 'server-error':
    case 'failed-inside-2xx':
    case 'exposed':
      return 'unknown';
    default:
      return outcome satisfies never;
  }
}

/** How long a client that left had waited; null where nobody knows, as in events of before. */
export function waitedMsOf({ waitedMs, durationMs }: DataOf<'request.routed.v1'>): number | null {
  return waitedMs ?? durationMs;
}

/** Time on the GPU of a generation that delivered; one that did not says nothing of how long it would have taken. */
export function inferenceMs({ outcome, timings }: DataOf<'generation.completed.v1'>): Observed {
  return outcome === 'delivered' ? timings.inferenceMs : 'unknown';
}
