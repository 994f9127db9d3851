export { analyse, type Analysis, type AnalysisReason, analysisReasons } from './analyse.js';
export { decodeEvidence, encodeEvidence, type EncodedEvidence, EVIDENCE_LAYOUT } from './codec.js';
export { type BudgetStep, type EvidenceDesign, evidenceDesign, type MetricDesign, type MetricTest } from './design.js';
export { type Evidence, foldEvent, initialEvidence, mergeEvidence, type ObservedEvent } from './evidence.js';
export { metricCatalogue, type MetricDefinition, type MetricKind, metricNames, type ObservedTopic } from './metrics.js';
export { hashUnit, type UnitChanges, UnitMemory } from './unit-memory.js';
