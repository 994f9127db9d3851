export * from './course-of-ramp.js';
export type { PlannedMetric } from './planned-metric.js';
export * from './smallest-effect.js';
export type { SpreadOfRuns } from './spread-of-runs.js';
export * from './units-to-promotion.js';
export * from './units-within-limit.js';
export {
  hoursFor,
  type UnitsAnswer,
  type UnitsQuestion,
  type UnitsRefusal,
  unitsToDetect,
  unitsToProve,
} from './units-to-decide.js';
