export {
  startStandalone,
  type RunningStandalone,
  type StandaloneOptions,
  type StandalonePart,
} from './start-standalone.js';
