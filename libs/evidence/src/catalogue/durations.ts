import type { DataOf } from '#libs/contracts';
import type { Observed } from './definition.js';

/**
 * A request that timed out never got what it waited for. A client that left after t says "longer than t": as t it is beyond the limit of the
 * tail where t is, and next to nothing below. Other requests without a picture are the rates' business; how fast they ended is no latency.
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
      return waitedMsOf(data);
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

/** How long a client that left had waited; null where nobody knows, as in events of before. */
export function waitedMsOf({ waitedMs, durationMs }: DataOf<'request.routed.v1'>): number | null {
  return waitedMs ?? durationMs;
}

/** Time on the GPU of a generation that delivered; one that did not says nothing of how long it would have taken. */
export function inferenceMs({ outcome, timings }: DataOf<'generation.completed.v1'>): Observed {
  return outcome === 'delivered' ? timings.inferenceMs : null;
}
