export { analyse, type Analysis } from './analysis/analyse.js';
export {
  canDecide,
  type Cap,
  type LateData,
  type MetricDefinition,
  type MetricKind,
  OBSERVED_TOPICS,
  type ObservedTopic,
} from './catalogue/definition.js';
export { knownMetrics, knownMetricsOf, metricCatalogue, metricsOf } from './catalogue/metric-catalogue.js';
export { metricLimit, takesLimit } from './catalogue/metric-limit.js';
export { decodeEvidence, encodeEvidence, type EncodedEvidence } from './snapshot/evidence-codec.js';
export { decodeMergeable, mergeableEvidence, type MergeableEvidence } from './snapshot/mergeable.js';
export { changedMetrics, type MetricChange } from './snapshot/metric-identity.js';
export { judgeAnew } from './snapshot/judge-anew.js';
export {
  type BudgetStep,
  type EvidenceDesign,
  evidenceDesign,
  type MetricDesign,
  type MetricTest,
} from './catalogue/evidence-design.js';
export {
  type Evidence,
  initialEvidence,
  judgeCoverageUntil,
  mergeEvidence,
  type ObservedEvent,
} from './fold/evidence.js';
export { analysePairs } from './pairs/analyse-pairs.js';
export { foldEvent } from './fold/fold-event.js';
export { unlessAwaited } from './kinds/rate-method.js';
export { type Clusters, initialClusters, noteForQueues, queueMs } from './kinds/clusters.js';
export { type Episodes, initialEpisodes, isLeftOut, noteBadEvent } from './kinds/episodes.js';
export type { RequestEvent } from './fold/observe-metrics.js';
export { type AnalysisReason, analysisReasons } from './analysis/reasons.js';
export { underEpoch } from './fold/traffic.js';
export { memoryKey } from './fold/memory-key.js';
export { blindAuc, initialSeparation, noteSeparation, type Separation } from './fold/separation.js';
export type { UnitLayout } from './fold/unit-mark.js';
export { type SweptPage, type UnitChanges, UnitMemory } from './fold/unit-memory.js';
