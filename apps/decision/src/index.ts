export { DecisionModule, type DecisionModuleOptions } from './decision.module.js';
export { openApiDocument } from './http/openapi.js';
export type { ExperimentView } from './http/experiment-view.js';
export { startDecision, type DecisionOptions, type RunningDecision } from './start-decision.js';
