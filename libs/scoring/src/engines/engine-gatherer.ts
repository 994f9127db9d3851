import type { EmbeddingEngine } from './engine.js';
import { EngineFailedError } from './errors.js';
import { Gatherer, type GathererOptions } from './gatherer.js';

/** Batches for an engine. While it can't compute at all, no item is at fault; else one of the batch's may be. */
export function engineGatherer<Item, Row>(
  engine: Pick<EmbeddingEngine, 'failure'>,
  options: Omit<GathererOptions<Item, Row>, 'mayBeItems'>,
): Gatherer<Item, Row> {
  const mayBeItems = (error: unknown): boolean => error instanceof EngineFailedError && engine.failure() === undefined;
  return new Gatherer({ ...options, mayBeItems });
}
