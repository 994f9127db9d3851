export { RecorderModule, type RecorderModuleOptions } from './recorder.module.js';
export { startRecorder, type RecorderOptions } from './start-recorder.js';
