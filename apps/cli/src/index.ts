export { experimentOf, findScenario, scenarios, CONTROL_CONFIG, type Scenario } from './scenarios/scenario.js';
export type { ExperimentCourse } from './scenarios/experiment-watcher.js';
export { playScenario } from './scenarios/play-scenario.js';
export type { PlayedScenario, ScenarioResult } from './scenarios/story-result.js';
export { startStack, type StackShape, type Stack } from './scenarios/stack.js';
export { teststripProgram } from './program.js';
export { exitCodesInWords } from './exit-codes.js';
export { spawnApp, type Child } from './scenarios/child-process.js';
export { runCommand } from './run-command.js';
