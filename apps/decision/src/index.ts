export { decisionApp } from './decision.app.js';
export { DecisionModule, type DecisionModuleOptions, type DecisionSettings } from './decision.module.js';
export type { ExperimentView } from './http/experiment-view.js';
