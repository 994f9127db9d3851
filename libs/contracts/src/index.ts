export { canonicalJson } from './canonical-json.js';
export { contractDocuments } from './documents.js';
export * from './envelope/assignment.js';
export * from './envelope/embedding.js';
export * from './envelope/encode.js';
export * from './envelope/instance.js';
export { mendKinds, readData, type MendKind } from './envelope/mend.js';
export * from './envelope/stamp.js';
export { decodeStructuredEvent, LONGEST_EVENT_ID } from './envelope/structured.js';
export * from './envelope/unit-name.js';
export * from './events/allocation.applied.v1.js';
export * from './events/allocation.commanded.v1.js';
export * from './events/controller.heartbeat.v1.js';
export * from './events/evidence.summarised.v1.js';
export * from './events/experiment.analysed.v1.js';
export * from './events/experiment.defined.v1.js';
export * from './events/feedback.recorded.v1.js';
export * from './events/generation.completed.v1.js';
export * from './events/image.scored.v1.js';
export { isDelivered, OUTCOMES, presentOutcome, type Outcome } from './events/outcome.js';
export * from './events/preference.judged.v1.js';
export * from './events/request.routed.v1.js';
export * from './events/router.heartbeat.v1.js';
export * from './events/under-way.js';
export * from './events/service.defined.v1.js';
export { examples } from './events/examples.js';
export type { Application, Topic } from './events/topic.js';
export * from './events/topics.js';
export { closest } from './experiment/closest.js';
export * from './experiment/event-fields.js';
export { candidatesOf, comparedWith } from './experiment/candidates.js';
export { messageAt } from './message-at.js';
export { parsedJson } from './parsed-json.js';
export { harmAlphaOf } from './experiment/harm-alpha.js';
export { WEEKDAYS } from './experiment/time-windows.js';
export { durationInWords, durationOfAtLeast, parseDurationMs } from './experiment/duration.js';
export {
  experimentFile,
  isHttpUrl,
  namesUser,
  parseExperiment,
  parseExperimentFile,
  parseWrittenExperiment,
  type ExperimentFile,
} from './experiment/file.js';
export { ExperimentFileError, type ExperimentFileProblem } from './experiment/file-problems.js';
export type { KnownMetric } from './experiment/known-metric.js';
export { amountInFile, marginForShare, marginInFile, marginSize } from './experiment/margin.js';
export { isInNumberRange } from './experiment/number-range.js';
export * from './experiment/phase.js';
export {
  isSameRoute,
  publicRoute,
  readRoute,
  routeInWords,
  routeText,
  type PublicRoute,
} from './experiment/public-route.js';
export * from './experiment/spec.js';
export { isInVersionRange, parseVersionRange, type VersionRange } from './experiment/version-range.js';
export { MOST_LEVELS, tooDeepInJson } from './experiment/nesting.js';
export { readYaml, type YamlDocument } from './experiment/yaml-document.js';
export * from './names.js';
export { unstorableIn, type Unstorable } from './storable.js';
