export { PictureFetcher, type PictureSources } from './fetching/picture-fetcher.js';
export { GenerationScorer, type BatchLife, type GenerationScorerOptions } from './generation-scorer.js';
export type { SamplingOptions } from './sampling.js';
export type { GenerationEvent, ScoredEvent } from './scored-event.js';
export { scorerApp } from './scorer.app.js';
export { ScorerMetrics } from './scorer-metrics.js';
export { ScorerModule, type ScorerModuleOptions } from './scorer.module.js';
export type { ScorerSettings } from './scorer-settings.js';
