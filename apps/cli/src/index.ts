export { experimentOf, findScenario, scenarios, CONTROL_CONFIG, type Scenario } from './scenarios/scenario.js';
export type { ExperimentCourse } from './scenarios/experiment-watcher.js';
export { playScenario, type PlayedScenario, type ScenarioResult } from './scenarios/play-scenario.js';
export { startStack, type Shape, type Stack } from './scenarios/stack.js';
