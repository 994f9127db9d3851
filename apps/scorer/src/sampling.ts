import { createHash } from 'node:crypto';

/** How many of the generations are scored; sampling is off unless asked for. */
export interface SamplingOptions {
  /** Fixed share of generations to score, 0–1. Default 1. */
  readonly rate?: number;
  /** From this many waiting generations on, the share shrinks in proportion to the lag. Default: never. */
  readonly sampleAboveLag?: number | undefined;
  /** The share never falls below this. Default 0.05. */
  readonly lowestRate?: number;
}

/** Share of generations to score at the present lag. */
export function samplingRate(options: SamplingOptions, lag: number): number {
  const rate = options.rate ?? 1;
  if (options.sampleAboveLag === undefined || lag <= options.sampleAboveLag) return rate;
  return Math.min(rate, Math.max(options.lowestRate ?? 0.05, (rate * options.sampleAboveLag) / lag));
}

/**
 * Whether a generation belongs to the sample. A hash of the event's id decides: every variant is thinned alike, whoever scores
 * again scores the same ones, and a smaller rate picks a subset of a larger one's. Never by age: late pictures differ from early ones.
 */
export function isSampled(eventId: string, rate: number): boolean {
  if (rate >= 1) return true;
  return createHash('sha256').update(eventId).digest().readUInt32BE(0) < rate * 2 ** 32;
}
